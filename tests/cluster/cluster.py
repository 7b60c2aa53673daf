"""SLURM on this machine's loopback: one node, one GPU that is none, and an ordinary user."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

USER = "clearbench-ci"
SYSTEM = Path("/etc/slurm")
"""Where SLURM's commands look for their configuration; inside jobs no variable tells another."""

CONFIGURATION = """
ClusterName=clearbench
SlurmctldHost=localhost(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
SlurmctldPort=16817
SlurmdPort=16818
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SwitchType=switch/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
MinJobAge=300
InactiveLimit=0
KillWait=2
OverTimeLimit=0
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
GresTypes=gpu
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=16000 Gres=gpu:1 Feature=fast \
  State=UNKNOWN
PartitionName=cpu Nodes=ALL Default=YES MaxTime=INFINITE DefMemPerCPU=500 State=UP PreemptMode=OFF
PartitionName=gpu Nodes=ALL MaxTime=60 DefMemPerCPU=500 State=UP PreemptMode=OFF
PartitionName=short Nodes=ALL MaxTime=1 DefMemPerCPU=500 State=UP
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=cancelled Nodes=ALL MaxTime=60 DefMemPerCPU=500 State=UP PreemptMode=CANCEL
PartitionName=requeued Nodes=ALL MaxTime=60 DefMemPerCPU=500 State=UP PreemptMode=REQUEUE
PartitionName=urgent Nodes=ALL MaxTime=60 DefMemPerCPU=500 State=UP PriorityTier=10
JobSubmitPlugins=lua
"""
"""Jobs of `urgent` take the place of those of `cancelled` and `requeued`, and of no others."""

FILTER = """
-- Without accounting there is no MaxSubmitJobs; this refuses as it does, by a number in a file.
function slurm_job_submit(job, partitions, user)
  local file = io.open("{folder}/limit")
  if file == nil then return slurm.SUCCESS end
  local left = tonumber(file:read("*l"))
  file:close()
  local first, last = string.match(job.array_inx or "1-1", "(%d+)-(%d+)")
  for _, other in pairs(slurm.jobs) do
    -- Pending, running or suspended.
    if other.user_id == user and other.job_state <= 2 then left = left - 1 end
  end
  if last - first + 1 <= left then return slurm.SUCCESS end
  slurm.log_user("AssocMaxSubmitJobLimit")
  return slurm.ESLURM_ACCOUNTING_POLICY
end

function slurm_job_modify() return slurm.SUCCESS end

return slurm.SUCCESS
"""
_FILES = ("slurm.conf", "gres.conf", "job_submit.lua")
_PATIENCE = 30.0


def wait_until(holds: Callable[[], bool], seconds: float = 300.0) -> None:
    """Wait until something holds; AssertionError where it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def foreign() -> bool:
    """Whether this machine has a SLURM that is not of these tests."""
    path = SYSTEM / "slurm.conf"
    return path.is_file() and "ClusterName=clearbench\n" not in path.read_text()


@dataclass(frozen=True)
class Cluster:
    """The daemons, with all their files in `folder`; `venv` and `image` are the user's."""

    folder: Path
    venv: Path
    image: Path

    def start(self) -> None:
        """Start munge, the controller and the node's daemon, and wait until the node is idle."""
        left = SYSTEM / "slurm.conf"
        if left.is_file():
            # Of tests that were killed.
            replace(self, folder=left.resolve().parent).stop()
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o755)
        cpus = os.cpu_count() or 1
        text = CONFIGURATION.format(folder=self.folder, cpus=cpus)
        (self.folder / "slurm.conf").write_text(text)
        gpu = "NodeName=localhost Name=gpu File=/dev/null\n"
        (self.folder / "gres.conf").write_text(gpu)
        (self.folder / "job_submit.lua").write_text(FILTER.replace("{folder}", str(self.folder)))
        for name in _FILES:
            (SYSTEM / name).unlink(missing_ok=True)
            (SYSTEM / name).symlink_to(self.folder / name)
        self._start_munge()
        self.start_controller()
        self._run("slurmd")
        deadline = time.monotonic() + _PATIENCE
        while set(self.ask("sinfo", "--noheader", "--format=%T").split()) != {"idle"}:
            assert time.monotonic() < deadline, self._logs()
            time.sleep(0.2)

    def start_controller(self, *options: str) -> None:
        """Start the controller; a restarted one goes on from its saved state, unless told `-c`."""
        self._run("slurmctld", *options)

    def stop_controller(self) -> None:
        """Stop the controller as an administrator would."""
        self._stop("slurmctld")

    def limit(self, jobs: int | None) -> None:
        """Let the user have so many jobs at a time, pending or running; None for any number."""
        path = self.folder / "limit"
        path.unlink(missing_ok=True)
        if jobs is not None:
            path.write_text(f"{jobs}\n")

    def stop(self) -> None:
        """Cancel all jobs and stop the daemons, by their pid files."""
        with suppress(subprocess.SubprocessError):
            self.ask("scancel", "--user", USER, "--signal=KILL", "--full")
            self.ask("scancel", "--user", USER)
        for name in ("slurmctld", "slurmd", "munged"):
            self._stop(name)
        for name in _FILES:
            (SYSTEM / name).unlink(missing_ok=True)

    def kill(self, job: str) -> None:
        """Kill all processes of a running job, as when its node goes down."""
        lines = self.ask("scontrol", "listpids", job).splitlines()[1:]
        for number in {int(line.split()[0]) for line in lines}:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)

    def jobs(self) -> list[str]:
        """The ids of all jobs that are pending, running or ending."""
        return self.ask("squeue", "--noheader", "--format=%i").split()

    def wait_for_jobs(self) -> None:
        """Wait until a job is there."""
        wait_until(lambda: bool(self.jobs()))

    def wait_for_no_jobs(self) -> None:
        """Wait until all jobs have ended."""
        wait_until(lambda: not self.jobs())

    def ask(self, *words: str) -> str:
        """What a command of SLURM prints, run as root."""
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=30).stdout

    def command(self, folder: Path, *words: str) -> list[str]:
        """A command line of the ordinary user in a folder, who has activated the venv."""
        home = self.folder.parent / "home"
        if not home.exists():
            home.mkdir()
            shutil.chown(home, USER, USER)
        variables = {
            "HOME": str(home),
            "USER": USER,
            "LANG": "C.UTF-8",
            "PATH": f"{self.venv}/bin:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": str(folder / "src"),
            "OMP_NUM_THREADS": "1",
        }
        clean = ["env", "-i", "-C", str(folder), *(f"{k}={v}" for k, v in variables.items())]
        return ["runuser", "-u", USER, "--", *clean, *words]

    def _start_munge(self) -> None:
        folder = self.folder / "munge"
        folder.mkdir()
        (folder / "key").write_bytes(os.urandom(128))
        (folder / "key").chmod(0o400)
        munge = pwd.getpwnam("munge")
        for path in (folder, folder / "key"):
            os.chown(path, munge.pw_uid, munge.pw_gid)
        options = {
            "key-file": folder / "key",
            "socket": folder / "socket",
            "pid-file": folder / "munged.pid",
            "log-file": folder / "munged.log",
            "seed-file": folder / "seed",
        }
        words = [f"--{name}={value}" for name, value in options.items()]
        subprocess.run(["runuser", "-u", "munge", "--", "munged", *words], check=True, timeout=30)
        # Clients look for it beside the configuration.
        (self.folder / "munge.socket").symlink_to(folder / "socket")
        (self.folder / "munged.pid").symlink_to(folder / "munged.pid")

    def _run(self, daemon: str, *options: str) -> None:
        subprocess.run([daemon, *options], check=True, timeout=30)

    def _stop(self, daemon: str) -> None:
        path = self.folder / f"{daemon}.pid"
        try:
            number = int(path.read_text())
            # Another process may have the number of one that died.
            if Path(f"/proc/{number}/comm").read_text().strip() != daemon:
                return
            os.kill(number, signal.SIGTERM)
        except (OSError, ValueError):
            return
        deadline = time.monotonic() + _PATIENCE
        with suppress(ProcessLookupError):
            while time.monotonic() < deadline:
                os.kill(number, 0)
                time.sleep(0.1)
            os.kill(number, signal.SIGKILL)

    def _logs(self) -> str:
        return "\n".join(path.read_text()[-2000:] for path in self.folder.glob("*.log"))
