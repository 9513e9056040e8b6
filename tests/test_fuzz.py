"""What fuzzing found, and a few seconds more of it; `make fuzz` goes on for hours."""

import random

import pytest

from benchmarks import fuzz


@pytest.mark.fault("findings of fuzzing")
@pytest.mark.parametrize("path", sorted(fuzz.CASES.glob("*-*")), ids=lambda path: path.name)
def test_findings_are_one_line(path, counted):
    assert fuzz.fault(path.name.partition("-")[0], path) == ""
    counted()


@pytest.mark.parametrize("name", list(fuzz.READERS))
def test_each_reader_reads_whole_files_and_refuses_others_in_one_line(name, tmp_path):
    reader, rng = fuzz.READERS[name], random.Random(0)
    path, seeds = tmp_path / f"f{reader.suffix}", reader.seeds()
    refused = 0
    for data in seeds:
        path.write_bytes(data)
        assert fuzz.fault(name, path) == ""
    for _ in range(40):
        path.write_bytes(fuzz.changed(rng.choice(seeds), rng, seeds))
        assert fuzz.fault(name, path) == ""
        try:
            reader.read(path)
        except fuzz.UserError:
            refused += 1
    assert refused
