"""`frontbox-provision ceremony`, `policy update`, `root rotate` and `root rotate-online`."""

import argparse

from provisioning import ceremony, rotation
from provisioning.people import read_people
from provisioning.wording import Voice


def hold(options: argparse.Namespace, voice: Voice, now_ms: int) -> dict[str, object]:
    outcome = ceremony.hold(options.out, options.fleet, read_people(options.people), now_ms)
    voice.say(
        "信任根摘要如下，请两位见证人分别朗读核对：",
        "The hash of the trust root follows; two witnesses read it aloud and compare:",
    )
    voice.say(spoken(outcome.root_sha256), spoken(outcome.root_sha256))
    return {
        "root_sha256": outcome.root_sha256,
        "policy_epoch": outcome.policy_epoch,
        "made": list(outcome.made),
    }


def update(options: argparse.Namespace, voice: Voice, now_ms: int) -> dict[str, object]:
    people = read_people(options.people)
    outcome = ceremony.update_policy(options.ceremony, options.fleet, people, options.key, now_ms)
    if not outcome.made:
        voice.say("名单没有变化，未签新版本。", "Nothing differs; no new policy was signed.")
    return {"policy_epoch": outcome.policy_epoch, "made": list(outcome.made)}


def rotate(options: argparse.Namespace, voice: Voice, now_ms: int) -> dict[str, object]:
    outcome = rotation.rotate(options.ceremony, options.fleet, options.version, options.key, options.replace, now_ms)
    return _rotated(outcome, voice)


def rotate_online(options: argparse.Namespace, voice: Voice, now_ms: int) -> dict[str, object]:
    """New keys for the server's own roles; the custodians stay."""
    online = tuple(options.role or rotation.ONLINE)
    outcome = rotation.rotate(options.ceremony, options.fleet, options.version, options.key, [], now_ms, online)
    return _rotated(outcome, voice)


def _rotated(outcome: rotation.Rotated, voice: Voice) -> dict[str, object]:
    voice.say(
        f"信任根第 {outcome.version} 版摘要如下，请两位见证人分别朗读核对：",
        f"The hash of root {outcome.version} follows; two witnesses read it aloud and compare:",
    )
    voice.say(spoken(outcome.root_sha256), spoken(outcome.root_sha256))
    if not outcome.made:
        voice.say("该版已签署，未作改动。", "It was signed before; nothing was made.")
    return {"version": outcome.version, "root_sha256": outcome.root_sha256, "made": list(outcome.made)}


def spoken(digest: str) -> str:
    """A hash in groups of four, so that two people can read it to each other."""
    return " ".join(digest[start : start + 4] for start in range(0, len(digest), 4))
