"""Runs inside MicroPython: imports the portable packages and checks the golden vectors.

The harness (tests/micropython/interpreters.py) lays out, in the current folder:

    modules.json    dotted names of every module of device.protocol and device.core
    device/         the two packages
    vectors/        tests/vectors
    p256.py         ECDSA P-256 verification, MicroPython having none

A check is a function without arguments that raises when it fails. `PASS n` on the last line means that all
n checks passed; a failing check prints `FAIL name` with its traceback, and there is no PASS line.
"""

import json
import sys

import p256
from vectors import outcomes


def check_imports(module: str) -> None:
    __import__(module)


def check_p256() -> None:
    """RFC 6979 A.2.5, P-256 with SHA-256, message "sample"."""
    point = bytes.fromhex(
        "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
        "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
    )
    signature = bytes.fromhex(
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    )
    assert p256.verify(point, signature, b"sample")
    assert not p256.verify(point, signature, b"Sample")


def verify(key, message: bytes, signature: bytes) -> bool:  # device.protocol.keys.Verify
    try:
        return p256.verify(key.point, signature, message)
    except p256.MalformedKeyError:  # a point that is none verifies nothing (SPEC 3.1)
        return False


def check_vector(name: str, vector) -> None:
    found = outcomes.of(name, vector, verify)
    assert found == vector["expect"], found


def vector_checks():
    """Each golden vector; its outcome is that of CPython, byte for byte."""
    for name in sorted(outcomes.READERS):
        with open("vectors/" + name + ".json") as file:
            for vector in json.load(file):
                yield name + ": " + vector["name"], lambda name=name, vector=vector: check_vector(name, vector)


def checks():  # pairs of name and function
    with open("modules.json") as file:
        modules = json.load(file)
    for module in modules:
        yield "import " + module, lambda module=module: check_imports(module)
    yield "p256", check_p256
    yield from vector_checks()


def main() -> None:
    passed = 0
    failed = 0
    for name, check in checks():
        try:
            check()
        except Exception as error:  # noqa: BLE001 - every failing check is told, not the first alone
            failed += 1
            print("FAIL", name)
            sys.print_exception(error)
        else:
            passed += 1
    if not failed:
        print("PASS", passed)


main()
