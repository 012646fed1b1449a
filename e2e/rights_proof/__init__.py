"""Proves that the operator's roles grant what it uses, and nothing else.

Each session of the suites leaves what the operators in it asked for, from the API server's audit
log, in a folder. `python -m rights_proof FOLDER` puts the sessions together and compares them with
the roles of the chart. The suites run the operator with those roles alone (harness.rights).
"""

from rights_proof.audit import Findings, Use, findings, left, merged
from rights_proof.compare import complaints
from rights_proof.roles import granted

__all__ = ["Findings", "Use", "complaints", "findings", "granted", "left", "merged"]
