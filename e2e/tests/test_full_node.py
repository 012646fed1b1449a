"""What of the real nodes can be tried without starting one. `make e2e-node` does the rest."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import yaml

from full_node import cgroups, images, trial
from full_node.addresses import NodeAddress
from full_node.errors import ImpossibleError
from full_node.settings import NodeFiles, write

GROUPS = Path("/sys/fs/cgroup")
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not os.access(GROUPS, os.W_OK), reason="only root makes control groups"
)


def written(tmp_path: Path, index: int) -> NodeFiles:
    files = NodeFiles(folder=tmp_path / str(index))
    proxy = tmp_path / "proxy.kubeconfig"
    write(files, NodeAddress(index=index), cgroup=f"run/{index}", proxy_kubeconfig=proxy)
    return files


def test_two_nodes_share_no_address_and_no_control_group(tmp_path: Path) -> None:
    subnets, groups, addresses = set(), set(), set()
    for index in range(2):
        files = written(tmp_path, index)
        kubelet = yaml.safe_load(files.kubelet.read_text())
        network = json.loads((files.network / "10-imchat.conflist").read_text())
        addresses.add(kubelet["address"])
        groups.add(kubelet["cgroupRoot"])
        subnets.add(network["plugins"][0]["ipam"]["ranges"][0][0]["subnet"])
    assert addresses == {"10.200.0.10", "10.200.0.11"}
    assert groups == {"/run/0", "/run/1"}
    assert subnets == {"10.201.0.0/24", "10.201.1.0/24"}


@pytest.fixture
def group() -> str:
    return f"imchat-test-{uuid.uuid4().hex[:8]}"


@needs_root
def test_a_control_group_can_hold_processes_and_leaves_nothing(group: str) -> None:
    process = None
    try:
        cgroups.make(f"{group}/node-0")
        assert cgroups.leftovers("imchat-test-") >= {group}
        made = list(GROUPS.glob(f"**/{group}/node-0/cgroup.procs"))
        assert made
        process = subprocess.Popen(["sleep", "600"])
        for procs in made:
            procs.write_text(str(process.pid))
        assert all(str(process.pid) in procs.read_text().split() for procs in made)
    finally:
        if process is not None:
            process.kill()
            process.wait()
        cgroups.remove(group)
    assert group not in cgroups.leftovers("imchat-test-")


def test_an_images_name_follows_from_all_that_goes_into_it(tmp_path: Path) -> None:
    source = tmp_path / "package"
    source.mkdir()
    (source / "one.py").write_text("1")
    names = {images.digest([source])}
    (source / "one.py").write_text("2")
    names.add(images.digest([source]))
    (source / "one.py").rename(source / "two.py")
    names.add(images.digest([source]))
    (source / "Dockerfile").write_text("FROM scratch")
    names.add(images.digest([source]))
    assert len(names) == 4
    (source / "__pycache__").mkdir()
    (source / "__pycache__" / "two.pyc").write_text("made by running it")
    assert images.digest([source]) in names


def test_a_machine_that_lacks_the_programs_is_told_their_packages(tmp_path: Path) -> None:
    """With nothing on the PATH there is no apt-get either, so that nothing is installed."""
    if os.geteuid() != 0:
        pytest.skip("who is not root is told that first")
    done = subprocess.run(
        [sys.executable, "-m", "full_node", "--", "true"],
        env={"PATH": str(tmp_path), "PYTHONPATH": str(Path(images.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == os.EX_UNAVAILABLE
    assert "no apt-get" in done.stderr
    assert "buildah" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("refused", "what"),
    [
        pytest.param("unshare", "namespaces of their own", id="namespaces"),
        pytest.param("nft", "nftables", id="firewall"),
        pytest.param("overlay", "overlay mounts in", id="overlay"),
    ],
)
def test_what_a_machine_refuses_is_named_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str, what: str
) -> None:
    """A stand-in for `unshare` refuses what it is asked to, and else does nothing."""
    unshare = tmp_path / "unshare"
    refusal = 'echo "Operation not permitted" >&2; exit 1'
    unshare.write_text(f'#!/bin/sh\ncase "$0 $*" in *{refused}*) {refusal};; esac\n')
    unshare.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(ImpossibleError, match=f"need {what}.*refused.*") as found:
        trial.run_all([tmp_path / "cache"])
    assert "Operation not permitted" in str(found.value)
    assert not list((tmp_path / "cache").glob(".*"))
