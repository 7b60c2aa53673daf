"""Import logs: the records of a model that another group evaluated."""

from pathlib import Path

from clearbench.evaluation.logs import read_log
from clearbench.evaluation.records import RECORDS, write_records
from clearbench.jobs.job import Job


def run(log: Path, out: Path) -> None:
    """Write the records of a log; UserError says what of it is missing or wrong."""

    def work(job: Job) -> None:
        records = read_log(log)
        write_records(job.folder / RECORDS, records)
        job.measures.update(samples=len(records))

    Job("import_logs", out, {}, {"log": str(log)}, outside={"log": log}).run(work)
