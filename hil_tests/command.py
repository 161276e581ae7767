"""What the programs of the bench say of themselves with --help."""

import argparse

EXIT_CODES = """exit codes:
  0    done, or told to stop
  1    failed; the reason stands on standard error
  2    usage
  130  interrupted"""


def parser(module: str, description: str, *, examples: str) -> argparse.ArgumentParser:
    """The parser of `python -m MODULE`; `examples` are command lines, one a line."""
    lines = "".join(f"\n  {line.strip()}" for line in examples.strip().splitlines())
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        epilog=f"examples:{lines}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
