"""A small app: part N of a task asks for the square of N."""

from claynet.taskapi import DOCKER_CPU, App, NewTask, ProviderAppHandler, RequestorAppHandler, Subtask, Verdict, Verification
from claynet.taskapi.parts import PartsStore, Status

IMAGE = "example/squares"


class _Requestor(RequestorAppHandler):
    def _parts(self, task):
        return PartsStore(task.path / "parts.sqlite")

    def create_task(self, task, max_subtasks, _params):
        with self._parts(task) as parts:
            parts.add(range(max_subtasks))
        return NewTask(DOCKER_CPU, {"image": IMAGE, "tag": "1"})

    def has_pending_subtasks(self, task):
        with self._parts(task) as parts:
            return parts.next_computable() is not None

    def next_subtask(self, task, subtask_id, _opaque_node_id):
        with self._parts(task) as parts:
            number = parts.start_next(subtask_id)
        return None if number is None else Subtask({"number": number})

    def verify(self, task, subtask_id, _stop):
        with self._parts(task) as parts:
            number = parts.part_number(subtask_id)
            result = task.subtask_outputs(subtask_id) / "square.txt"
            if result.is_file() and result.read_bytes() == b"%d" % number**2:
                (task.outputs / f"{number}.txt").write_bytes(result.read_bytes())
                parts.set_status(subtask_id, Status.SUCCESS)
                return Verification(Verdict.SUCCESS)
            parts.set_status(subtask_id, Status.FAILURE)
            return Verification(Verdict.FAILURE, f"not the square of {number}")

    def discard_subtasks(self, task, subtask_ids):
        with self._parts(task) as parts:
            return parts.discard(subtask_ids)

    def abort_task(self, task):
        with self._parts(task) as parts:
            parts.abort_task()

    def abort_subtask(self, task, subtask_id):
        with self._parts(task) as parts:
            parts.set_status(subtask_id, Status.ABORTED)

    def run_benchmark(self, _work_dir, _stop):
        return 100.0


class _Provider(ProviderAppHandler):
    def compute(self, task, _subtask_id, params, _stop):
        result = task.path / "square.txt"
        result.write_text(str(params["number"] ** 2))
        return result

    def run_benchmark(self, _work_dir, _stop):
        return 100.0


APP = App(IMAGE, _Requestor, _Provider)
