"""A package to where others find it: a folder, an S3-compatible bucket, the Hugging Face Hub.

What is sent are the very files that lie there, verified first. Releases are created, never replaced: the same bytes
again are nothing to do, other bytes under a version are refused. The list of versions follows once all that it names is
there, and only if it is still the list that was read; so a push that is killed leaves the target whole, and is finished
by the next one.
"""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import ReleaseRefused, StoreError
from pipeline.release import catalogue, croissant, manifest, publish, serve, store, verify

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_PAGES = ("index.html", "browser.js", catalogue.INDEX)
_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_METADATA_ENDPOINT",
    "AWS_SKIP_SIGNATURE",
)


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push came to: where, and the versions that were not there before."""

    target: str
    new: tuple[str, ...]


def push(home: Path, target: str, version: str | None = None, address: str | None = None) -> Pushed:
    """Send a package to a target.

    Args:
        home: folder of the package, `output/<package>`.
        target: a folder that holds packages; `s3://bucket/prefix`, with the keys in AWS_ACCESS_KEY_ID and
            AWS_SECRET_ACCESS_KEY and, for another server than Amazon's, its address in AWS_ENDPOINT; or
            `hf://datasets/owner/name`, with a token as `hf auth login` or HF_TOKEN gives it.
        version: the release that the Hub gets, as one commit and its tag; the latest when it is not named. The other
            targets get all releases.
        address: http(s) address at which the packages will be found there. `croissant/<package>-<version>.json` beside
            them is then a descriptor of each release that readers may load by its own address.

    Raises:
        ReleaseRefused: a package that is not whole, or a target with other releases under the same versions.
        StoreError: a target that cannot be reached or refuses, a missing token or library.
    """
    held = catalogue.read(home)
    if not held.versions:
        raise StoreError(f"{home}: holds no release. `make` publishes one.")
    hub = target.removeprefix("hf://datasets/") if target.startswith("hf://datasets/") else None
    if version is not None and hub is None:
        raise StoreError(f"{target}: gets all releases; a version is named for the Hub only.")
    if "://" in target and hub is None and not target.startswith("s3://"):
        raise StoreError(f"{target}: name a folder, s3://bucket/prefix or hf://datasets/owner/name.")
    if address is not None and (hub is not None or not re.fullmatch(r"https?://[!-~]+", address)):
        raise StoreError(f"{address}: is no http(s) address of packages, or the target is the Hub, which has its own.")
    faults = verify.package(home)
    if faults:
        raise ReleaseRefused(f"{home / faults[0].file}: {faults[0].message}. Nothing was sent.")
    if hub is not None:
        return _to_hub(home, held, hub, version)
    beside = _descriptors(home, held, address) if address else {}
    if target.startswith("s3://"):
        return _to_bucket(home, held, target, beside)
    return _to_folder(home, held, Path(target), beside)


def _descriptors(home: Path, held: catalogue.Catalogue, address: str) -> dict[str, str | None]:
    """The Croissant descriptor with addresses of each release, by its path beside the packages; None: to be deleted."""
    base = f"{address.rstrip('/')}/{home.name}"
    return {
        croissant.name_at_address(home.name, entry.version): None
        if entry.status == "withdrawn"
        else croissant.with_addresses(home / entry.version, f"{base}/{entry.version}")
        for entry in held.versions
    }


def _new(ours: catalogue.Catalogue, theirs: catalogue.Catalogue, target: str) -> list[catalogue.Entry]:
    """The releases that a target lacks; ReleaseRefused unless its history is the beginning of ours."""
    for at, entry in enumerate(theirs.versions):
        same = ours.versions[at] if at < len(ours.versions) else None
        if same is None or (same.version, same.tagmanifest_sha256) != (entry.version, entry.tagmanifest_sha256):
            raise ReleaseRefused(
                f"{target}: holds another {ours.package} {entry.version}, or one that is not here. Somebody else "
                "publishes there: pull from it first, or name another target. Nothing was sent."
            )
        if entry.status == "withdrawn" and same.status != "withdrawn":
            raise ReleaseRefused(
                f"{target}: {ours.package} {entry.version} is withdrawn there ({entry.reason}) and not here. "
                "Withdraw it here too. Nothing was sent."
            )
    return list(ours.versions[len(theirs.versions) :])


def _to_folder(home: Path, held: catalogue.Catalogue, target: Path, beside: Mapping[str, str | None]) -> Pushed:
    """Copy what is new beside its place, and rename it; the list follows."""
    there = target / home.name
    if there.resolve() == home.resolve():
        raise StoreError(f"{target}: is where the package lies. Name another folder.")
    if not target.is_dir():
        raise StoreError(f"{target}: is no folder. Make it, or mend the name.")
    with store.staging(there) as built:
        new = _new(held, catalogue.read(there), str(target))
        for entry in new:
            if not (there / entry.version).exists():
                shutil.rmtree(built)
                shutil.copytree(home / entry.version, built)
                store.place(built, there, entry.version)
                built.mkdir()
            faults = verify.release(there / entry.version, entry)
            if faults:
                raise ReleaseRefused(f"{there / entry.version / faults[0].file}: {faults[0].message}.")
        publish.finish(there, held)
        for name, text in beside.items():
            if text is None:
                store.delete(target / name)
            else:
                (target / name).parent.mkdir(exist_ok=True)
                store.replace(there, target / name, text)
    return Pushed(str(target), tuple(entry.version for entry in new))


def _to_bucket(home: Path, held: catalogue.Catalogue, target: str, beside: Mapping[str, str | None]) -> Pushed:
    """Create the objects of what is new, then replace the list if nobody else did."""
    try:
        import obstore
        from obstore.store import from_url
    except ImportError:
        raise StoreError("obstore is not installed. `pip install onrecord[s3]`.") from None
    if not any(name in os.environ for name in _CREDENTIALS):
        raise StoreError(f"{target}: no keys. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    with _bucket_errors(target):
        bucket = from_url(target, retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=30)})
        path = f"{home.name}/{catalogue.FILE}"
        try:
            answer = obstore.get(bucket, path)
            before = bytes(answer.bytes())
            listed = {key: answer.meta[key] for key in ("e_tag", "version") if answer.meta[key]}
        except FileNotFoundError:  # what obstore raises for an object that is not there
            before, listed = None, "create"
        new = _new(held, _catalogue(before, home.name), target)
        for entry in new:
            folder = home / entry.version
            names = [*manifest.payload(folder), *manifest.tags(folder), manifest.SIGNATURE, manifest.TAGS]
            for name in names:
                if (folder / name).is_file():
                    _create(bucket, f"{home.name}/{entry.version}/{name}", folder / name, target)
            if entry.archive:
                _create(bucket, f"{home.name}/{entry.archive.name}", home / entry.archive.name, target)
        content = held.to_json().encode()
        if content != before:
            obstore.put(bucket, path, content, mode=listed, attributes=_attributes(path))
        for entry in held.versions:
            if entry.status == "withdrawn":
                _purge(bucket, home, entry)
        derived = {f"{home.name}/{name}": text for name, text in catalogue.derived(held).items()}
        for name, text in {**derived, **beside}.items():
            if text is None:
                obstore.delete(bucket, [name])
            else:
                obstore.put(bucket, name, text.encode(), attributes=_attributes(name))
        for name in _PAGES:
            if (home.parent / name).is_file():
                obstore.put(bucket, name, home.parent / name, attributes=_attributes(name))
    return Pushed(target, tuple(entry.version for entry in new))


def _catalogue(content: bytes | None, package: str) -> catalogue.Catalogue:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / package
        home.mkdir()
        if content is not None:
            (home / catalogue.FILE).write_bytes(content)
        return catalogue.read(home)


def _create(bucket: "ObjectStore", key: str, path: Path, target: str) -> None:
    """Create one object; nothing to do when it is there with the same bytes."""
    import obstore
    from obstore.exceptions import AlreadyExistsError

    try:
        obstore.put(bucket, key, path, mode="create", use_multipart=False, attributes=_attributes(key, immutable=True))
    except AlreadyExistsError:
        if bytes(obstore.get(bucket, key).bytes()) != path.read_bytes():
            raise ReleaseRefused(
                f"{target}/{key}: is there with other bytes. A release is written once; publish a new version."
            ) from None


def _purge(bucket: "ObjectStore", home: Path, entry: catalogue.Entry) -> None:
    """Leave of a withdrawn release its sums and tombstone."""
    import obstore

    prefix = f"{home.name}/{entry.version}/"
    stone = prefix + catalogue.TOMBSTONE
    obstore.put(bucket, stone, home / entry.version / catalogue.TOMBSTONE, attributes=_attributes(stone))
    keep = {prefix + name for name in catalogue.REMAINS}
    gone = [found["path"] for page in obstore.list(bucket, prefix=prefix) for found in page]
    gone = [key for key in gone if key not in keep]
    obstore.delete(bucket, [*gone, f"{home.name}/{home.name}-{entry.version}.zip"])


def _attributes(key: str, *, immutable: bool = False) -> dict[str, str]:
    kind = serve.TYPES.get(key.rpartition(".")[2], "application/octet-stream")
    return {"Content-Type": kind, "Cache-Control": serve.IMMUTABLE if immutable else "no-cache"}


@contextmanager
def _bucket_errors(target: str) -> Iterator[None]:
    from obstore import exceptions

    try:
        yield
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError, PermissionError) as error:
        raise StoreError(f"{target}: refused the keys or the write: {_first_line(error)}") from error
    except (exceptions.PreconditionError, exceptions.AlreadyExistsError) as error:
        raise StoreError(
            f"{target}: somebody else published there at the same time. What is there is whole; run again."
        ) from error
    except exceptions.BaseError as error:
        raise StoreError(f"{target}: {_first_line(error)}. Run again: it goes on from there.") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _to_hub(home: Path, held: catalogue.Catalogue, repository: str, version: str | None) -> Pushed:
    """Make the folder of a release one commit of a dataset repository, and tag it with the version."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, errors, get_token

    entry = held.get(version) if version else held.latest
    if entry is None or entry.status == "withdrawn":
        raise StoreError(f"{home}: has no {f'release {version}' if version else 'active release'} to send.")
    if get_token() is None:
        raise StoreError("no token for the Hugging Face Hub. Run `hf auth login`, or set HF_TOKEN.")
    target = f"hf://datasets/{repository}"
    hub = HfApi(library_name="onrecord")
    place: dict[str, Any] = {"repo_id": repository, "repo_type": "dataset"}
    try:
        hub.create_repo(**place, exist_ok=True)
        refs = hub.list_repo_refs(**place)
        if entry.version in {tag.name for tag in refs.tags}:
            with tempfile.TemporaryDirectory() as cache:
                found = hub.hf_hub_download(**place, filename=manifest.TAGS, revision=entry.version, cache_dir=cache)
                same = manifest.digest(Path(found)) == entry.tagmanifest_sha256
            if not same:
                raise ReleaseRefused(f"{target}: holds another {entry.version}. Tags are not moved; nothing was sent.")
            return Pushed(target, ())
        main = next((branch.target_commit for branch in refs.branches if branch.name == "main"), None)
        folder = home / entry.version
        ours = [*manifest.payload(folder), *manifest.tags(folder), manifest.SIGNATURE, manifest.TAGS]
        ours = [name for name in ours if (folder / name).is_file()]
        gone = set(hub.list_repo_files(**place)) - {*ours, ".gitattributes"}
        # Not `upload_folder`: with hf_xet it makes several commits (huggingface_hub 2.4), and may stop between them.
        commit = hub.create_commit(
            **place,
            operations=[
                *(CommitOperationDelete(name) for name in sorted(gone)),
                *(CommitOperationAdd(name, folder / name) for name in ours),
            ],
            commit_message=f"{held.package} {entry.version}",
            commit_description=json.dumps({"tagmanifest_sha256": entry.tagmanifest_sha256}),
            parent_commit=main,  # refused when somebody else pushed meanwhile
        )
        hub.create_tag(**place, tag=entry.version, revision=commit.oid)
    except errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else None
        told = "refused the token or the write" if status in (401, 403) else "did not take it"
        raise StoreError(f"{target}: the Hub {told}: {_first_line(error)}") from error
    except (errors.HTTPError, errors.HFValidationError, OSError) as error:  # HTTPError: of the library it sends with
        raise StoreError(f"{target}: {_first_line(error)}") from error
    return Pushed(target, (entry.version,))
