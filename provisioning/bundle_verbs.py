"""`frontbox-provision bundle build` and `bundle sign`."""

import argparse
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Snapshot, TargetFile, Targets, Timestamp

from device.protocol.updates import BundleManifest
from provisioning import bundle, delegations, durable, handover, key_files, trust_root
from provisioning.errors import ProvisioningError
from provisioning.wording import Voice


def build(options: argparse.Namespace, voice: Voice, _now_ms: int) -> dict[str, object]:
    image = options.image.read_bytes() if options.image else bundle.build_image(options.source, options.version)
    epoch = bundle.security_epoch_of(image)
    if options.security_epoch not in (None, epoch):
        raise ProvisioningError("BUNDLE_EPOCH", f"the image has {epoch}, asked for is {options.security_epoch}")
    manifest = bundle.build_manifest(
        options.version,
        image,
        compatible=options.compatible,
        security_epoch=epoch,
        text_zh=options.text_zh,
        text_en=options.text_en,
    )
    durable.write(options.out, bundle.pack(bundle.Bundle(manifest, image, None)))
    voice.say("镜像摘要，签署前请两人核对：", "Hash of the image; two people compare it before they sign:")
    return {
        "version": options.version,
        "image_sha256": sha256(image).hexdigest(),
        "image_bytes": len(image),
        "security_epoch": epoch,
        "bundle": str(options.out),
    }


def sign(options: argparse.Namespace, voice: Voice, now_ms: int) -> dict[str, object]:
    """Two custodians vouch for the bundle and for all versions before it that are published or wait."""
    found = bundle.read(options.bundle)
    manifest = BundleManifest.decode(found.manifest)
    signers = [key_files.tuf_signer(key_files.load(path)) for path in options.key]
    if len({signer.public_key.keyid for signer in signers}) < trust_root.THRESHOLD:
        raise ProvisioningError("THRESHOLD_SHORT", "two different firmware keys must sign")
    current = current_role(options.fleet, "firmware")
    targets = {path: TargetFile.from_data(path, data) for path, data in found.files.items()}
    if all(current.targets.get(path) == target for path, target in targets.items()):
        voice.say("此版本已签署，未作改动。", "This version is signed already; nothing was changed.")
        return {"version": manifest.version, "metadata_version": current.version}
    taken = sorted(path for path in targets if path in current.targets)
    if taken:
        raise ProvisioningError("BUNDLE_VERSION", f"{manifest.version} is published with other contents")
    version = current.version + 1
    role = trust_root.build_role(version, {}, (), now_ms)
    role.signed.targets.update({**current.targets, **targets})
    trust_root.signed(role, signers)
    delegations.require_accepted(options.fleet, "firmware", role)
    metadata = trust_root.encode(role)
    if options.out is not None:
        durable.write(options.out, bundle.pack(replace(found, metadata=metadata)))
    else:
        handover.hand_over(options.fleet, f"firmware-{version}", {f"{version}.firmware.json": metadata}, found.files)
    return {"version": manifest.version, "metadata_version": version}


def current_role(fleet: Path, name: str) -> Targets:
    """The newest edition of a role: one that waits to be taken in, else the published one.

    Raises ProvisioningError `FLEET_NOT_READY`.
    """
    waiting = sorted(
        (fleet / "tuf" / "incoming").glob(f"{name}-*/metadata/*.{name}.json"),
        key=lambda path: int(path.name.split(".")[0]),
    )
    folder = fleet / "tuf" / "metadata"
    try:
        if waiting:
            return Metadata[Targets].from_file(str(waiting[-1])).signed
        timestamp = Metadata[Timestamp].from_file(str(folder / "timestamp.json")).signed
        snapshot = Metadata[Snapshot].from_file(str(folder / f"{timestamp.snapshot_meta.version}.snapshot.json")).signed
        version = snapshot.meta[f"{name}.json"].version
        return Metadata[Targets].from_file(str(folder / f"{version}.{name}.json")).signed
    except (OSError, RepositoryError, KeyError) as error:
        raise ProvisioningError("FLEET_NOT_READY", f"{folder}: {error}") from error
