import pytest

from segline.base import checksums
from segline.base.errors import UserError


def test_a_changed_file_is_named(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"one")
    digest = checksums.sha256(tmp_path / "a.h5")
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  a.h5\n")
    checksums.check_sums(tmp_path / "SHA256SUMS")
    (tmp_path / "a.h5").write_bytes(b"two")
    with pytest.raises(UserError, match=r"a\.h5: differs from"):
        checksums.check_sums(tmp_path / "SHA256SUMS")
    (tmp_path / "a.h5").unlink()
    with pytest.raises(UserError, match="not there"):
        checksums.check_sums(tmp_path / "SHA256SUMS")
