"""How the operator is installed: the Helm chart, and what is made of it for those without Helm."""

from installation.chart import CHART, CONFIG, NAMESPACE, Chart, HelmError
from installation.derived import copies, rendered

__all__ = ["CHART", "CONFIG", "NAMESPACE", "Chart", "HelmError", "copies", "rendered"]
