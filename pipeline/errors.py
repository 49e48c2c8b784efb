"""What can go wrong, as exceptions. Bad data is a row, not an exception; a bug crashes.

PipelineError
├── SchemaError      schemas/*.json, package.json, source.toml or a stage's rows are wrong: nothing is started
├── ReleaseRefused   the checks failed, or the version exists with other content: nothing is published
└── StoreError       a folder or file cannot be read or written
"""


class PipelineError(Exception):
    """Root of the errors that a user can mend; the message says what, where and what to do next."""


class SchemaError(PipelineError):
    """A schema, a source.toml or a row that does not fit its schema."""


class ReleaseRefused(PipelineError):
    """The package may not be published; `report` is the check's Report, or None where none was made."""

    def __init__(self, message: str, report: object = None) -> None:
        super().__init__(message)
        self.report = report


class StoreError(PipelineError):
    """Reading or writing failed; the message names the path, `errno` is the system's number where it refused."""

    errno: int | None = None
