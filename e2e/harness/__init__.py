"""What the suites and the demo share: a namespace with gateways, users, and an operator process.

Everything here goes through kubectl, the API server and the gateways' own HTTP endpoints, so that
the same suites run on any cluster.
"""

from harness.namespace import Namespace
from harness.operator_process import OperatorProcess
from harness.users import Users

__all__ = ["Namespace", "OperatorProcess", "Users"]
