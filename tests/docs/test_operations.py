"""The page of operations has every setting of the operator."""

import re

from tests.docs.pages import ROOT, rows, section

PAGE = ROOT / "docs" / "operations.md"


def test_every_setting_has_its_row_and_no_row_is_without_a_setting() -> None:
    code = (ROOT / "operator/imchat_operator/settings.py").read_text(encoding="utf-8")
    named = {row[0].strip("`") for row in rows(section(PAGE, "Settings"))}
    assert named - {"KUBECONFIG"} == set(re.findall(r'"(IMCHAT_[A-Z_]+)"', code))
