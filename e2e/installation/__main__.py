"""`python -m installation`: writes the files that are made of others."""

from controlplane.console import plain
from installation import Chart, copies, rendered


def main() -> None:
    """Write the copies first: the chart is rendered with them."""
    for path, text in copies().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path, text in rendered(Chart.found(plain(print))).items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
