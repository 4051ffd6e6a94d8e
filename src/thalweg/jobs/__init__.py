"""Batch jobs: a collection of any size through a Flow, in bounded memory, and on from where it was after an interruption."""

from thalweg.jobs.job import BatchJob, Summary, check_job, run_job

__all__ = ["BatchJob", "Summary", "check_job", "run_job"]
