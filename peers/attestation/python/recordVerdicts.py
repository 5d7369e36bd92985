"""
Asks dcap-qvl (Rust, through its Python binding) about every quote of vectors/attestation/dcap and prints, or with --write
records, what it says: status and advisories, or its refusal. Usage: recordVerdicts.py FOLDER [--write]
"""
import json
import pathlib
import sys
from datetime import datetime

import dcap_qvl

TEN_DAYS_SECONDS = 864_000


def at_of(collateral):
    """Ten days after the younger of both documents: everything is in force then."""
    issued = [json.loads(collateral[name])["issueDate"] for name in ("tcb_info", "qe_identity")]
    return max(int(datetime.fromisoformat(date.replace("Z", "+00:00")).timestamp()) for date in issued) + TEN_DAYS_SECONDS


def judge(quote, collateral, at):
    try:
        given = dcap_qvl.QuoteCollateralV3.from_json(json.dumps(collateral))
        report = dcap_qvl.verify(quote, given, at)
        return {"status": report.status, "advisoryIds": list(report.advisory_ids)}
    except Exception as refusal:
        return {"refused": str(refusal)}


def main():
    folder = pathlib.Path(sys.argv[1])
    verdicts = {}
    for path in sorted(folder.glob("*.quote")):
        collateral = json.loads(path.with_suffix(".collateral.json").read_text())
        at = at_of(collateral)
        verdicts[path.stem] = {"atSeconds": at, **judge(path.read_bytes(), collateral, at)}
    text = json.dumps({"verifier": f"dcap-qvl {dcap_qvl.__version__}", "verdicts": verdicts}, indent=1)
    if "--write" in sys.argv:
        (folder / "verdicts.json").write_text(text + "\n")
    print(text)


main()
