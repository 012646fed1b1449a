"""`python -m demo`: sets the stage, tells the story, ends with what kubectl shows.

Exit status 0 if every part of the story happened, 1 if one did not.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

import controlplane
import loopback_node
from controlplane.console import shown
from demo.fleet import Fleet
from demo.screen import NotToldError, Screen
from demo.story import ACTS, PEAK, Scene
from harness import Namespace, OperatorProcess, Users
from harness.manifests import SAMPLES, gateways, loaded

_CAPACITY = 400
# A working day of the default trace, 07:00 to 21:05, in less than three minutes.
_DAY = ("--from", "2003-03-03T07:00", "--hours", "14.2", "--speed", "300")
_NODES = 3


def main() -> int:
    """Tell the story; return the exit status."""
    console = Console(highlight=False)
    folder = Path(tempfile.mkdtemp(prefix="imchat-demo-"))
    with _stage(console, folder) as scene:
        try:
            for act in ACTS:
                act(scene)
            scene.wait("the users' last figures", lambda: "final" in scene.report(), 90)
        except NotToldError as error:
            console.print(f"[bold red]The story broke off:[/bold red] {error}")
            console.out(scene.namespace.kubectl("describe", "imc"))
            console.print(f"The operator's log is {folder / 'operator.log'}.")
            return 1
        _show_end(console, scene)
    return 0


@contextmanager
def _stage(console: Console, folder: Path) -> Iterator[Scene]:
    """Set up everything that the story needs, and take it down again."""
    with ExitStack() as stack:
        with shown() as on_progress:
            plane = stack.enter_context(controlplane.running(on_progress=on_progress))
        namespace = Namespace(kubeconfig=plane.kubeconfig, name="default")
        console.print(f"A control plane of Kubernetes {plane.version} runs on {plane.server}.")
        namespace.install_crds()
        stack.enter_context(
            loopback_node.running(
                plane.kubeconfig, nodes=_NODES, restart_backoff=1.0, log=folder / "nodes.log"
            )
        )
        log = folder / "operator.log"
        stack.enter_context(OperatorProcess.running(plane.kubeconfig, namespace.name, log))
        console.print(f"{_NODES} nodes and the operator run; its log is {log}.")
        sample = SAMPLES / "imchatcluster-demo.yaml"
        namespace.apply(gateways(replicas=3, capacity=_CAPACITY), loaded(sample))
        console.print(f"Applied 3 gateways for {_CAPACITY} connections each, and {sample.name}.")
        fleet = stack.enter_context(Fleet(namespace))
        screen = Screen(console)
        stack.enter_context(screen.showing(fleet, _CAPACITY))
        screen.wait_for("3 ready gateways", lambda: len(namespace.ready_pods()) == 3, 60)  # noqa: PLR2004 -- the Deployment's own
        load = (*_DAY, "--peak", str(PEAK))
        fleet.users = stack.enter_context(Users.connected(plane.kubeconfig, "default", *load))
        yield Scene(namespace=namespace, fleet=fleet, screen=screen)


def _show_end(console: Console, scene: Scene) -> None:
    console.rule("kubectl get imc,mwin,pods")
    console.out(scene.namespace.kubectl("get", "imc,mwin,pods"))
    console.rule("kubectl describe imc")
    console.out(scene.namespace.kubectl("describe", "imc"))
    console.rule("what the users felt")
    report = scene.report()
    sizes = " → ".join(f"{size} ({at:.0f}s)" for at, size in scene.fleet.sizes)
    figures = {
        "most clients at a time": f"{scene.fleet.most_clients}",
        "connections opened": f"{report['opened']}",
        "messages": f"{report['sent']} sent, {report['echoed']} echoed, {report['lost']} lost",
        "moved with a close frame": f"{report['closed'].get('1012', 0)}",
        "dropped without one": f"{report['dropped']}",
        "gateways over time": sizes,
        **scene.facts,
    }
    table = Table.grid(padding=(0, 2))
    for name, value in figures.items():
        table.add_row(f"[bold]{name}[/bold]", value)
    console.print(table)
    console.print(f"[green]Every part of the story happened, in {scene.fleet.elapsed():.0f}s.[/]")


if __name__ == "__main__":
    sys.exit(main())
