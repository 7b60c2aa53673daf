"""What the site file says, as SLURM and a job see it."""

import json
import time

from .cluster import wait_until


def test_what_the_site_file_says_reaches_slurm_and_the_job(fresh, cluster):
    fresh.write_site(
        cpus=2,
        constraint="fast",
        mail={"user": "nobody", "when": ["requeue"]},
        options=["--nice=7"],
        max_minutes=7,
        setup=["export TORCH_OF_LINES='a line'"],
        environment={"TORCH_OF_SITE": "a&b"},
    )
    fresh.give()
    done = fresh.snakemake("--profile", "slurm", "--retries", "0", "--until", "generate")
    assert done.status == 0, done.output
    record = json.loads(fresh.records()["generate"])
    shown = cluster.ask("scontrol", "--oneliner", "show", "job", record["slurm"]["job"])
    for told in ("NumCPUs=2 ", "Features=fast ", "Nice=7 ", "TimeLimit=00:07:00 "):
        assert f" {told}" in shown, shown
    assert "MailUser=nobody MailType=REQUEUE" in shown
    kernels = record["kernels"]
    assert (kernels["TORCH_OF_LINES"], kernels["TORCH_OF_SITE"]) == ("a line", "a&b")
    assert (record["slurm"]["array"], record["slurm"]["restarts"]) == (None, 0)


def test_a_task_of_an_array_that_slurm_starts_again_tells_both(fresh, cluster):
    code = "from clearbench.cluster.slurm import grant; import json; print(json.dumps(grant(1)))"
    # The first start waits to be put back.
    first = "{ touch begun-$SLURM_ARRAY_TASK_ID; exec sleep 600; }"
    second = f'python -c "{code}" > told-$SLURM_ARRAY_TASK_ID'
    script = f'--wrap=test "$SLURM_RESTART_COUNT" || {first}; {second}'
    words = ("--requeue", "--array=3,4", "--mem=300M", "--time=9", "--output=/dev/null", script)
    done = fresh.run("sbatch", "--parsable", *words)
    assert done.status == 0, done.output
    array = done.output.strip()
    wait_until(lambda: len(list(fresh.folder.glob("begun-*"))) == 2)
    cluster.ask("scontrol", "requeue", array)
    state = ("squeue", "--noheader", "--array", "--format=%T")
    wait_until(lambda: cluster.ask(*state).split() == ["PENDING"] * 2)
    # SLURM would wait two minutes, and a node needs some seconds to be done with the first start.
    time.sleep(4)
    for number in (3, 4):
        cluster.ask("scontrol", "update", f"JobId={array}_{number}", "StartTime=now")
    cluster.wait_for_no_jobs()
    for number in (3, 4):
        told = json.loads((fresh.folder / f"told-{number}").read_text())
        assert (told["array"], told["restarts"]) == (f"{array}_{number}", 1)
        assert (told["memory"], told["time_limit"]) == ("300M", "9:00")
