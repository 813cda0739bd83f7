"""The one way the machine room says that it cannot go on: a sentence, never a traceback."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Trouble(Exception):
    """Something a person has to put right, said in Korean and English."""

    def __init__(self, en: str, ko: str) -> None:
        super().__init__(en)
        self.en = en
        self.ko = ko

    def __str__(self) -> str:
        return f"{self.ko}\n{self.en}"


def from_os_error(error: OSError, what: str) -> Trouble:
    """The sentence for a failed file operation on `what` (a path or a program)."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Trouble(
            f"The disk is full: {what} could not be written. Free some space and start again.",
            f"디스크가 가득 차 {what}에 쓸 수 없습니다. 공간을 확보한 뒤 다시 시작하십시오.",
        )
    if isinstance(error, PermissionError):
        return Trouble(
            f"No permission for {what}. Give this user the right to it, or set TESTBED_DATA"
            " to a folder that it may write.",
            f"{what}에 대한 권한이 없습니다. 권한을 부여하거나, 쓸 수 있는 폴더를"
            " TESTBED_DATA에 지정하십시오.",
        )
    reason = error.strerror or type(error).__name__
    return Trouble(
        f"{what} could not be used: {reason}.",
        f"{what}을(를) 사용할 수 없습니다: {reason}.",
    )


def disk_full(home: Path) -> Trouble:
    """A server found no room in its folder."""
    return Trouble(
        f"The disk of {home} is full. Free some space and start again.",
        f"{home}의 디스크가 가득 찼습니다. 공간을 확보한 뒤 다시 시작하십시오.",
    )


def of_another_user(server: str, home: Path) -> Trouble:
    """A server may not read its own files."""
    return Trouble(
        f"{server} has no permission for its files in {home}: they belong to another user. Start"
        " as that user, or set TESTBED_DATA to another folder.",
        f"{home}의 {server} 파일에 대한 권한이 없습니다(다른 사용자 소유). 그 사용자로 시작하거나"
        " TESTBED_DATA에 다른 폴더를 지정하십시오.",
    )
