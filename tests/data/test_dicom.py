"""DICOM files, written here by pydicom itself where it is installed."""

import numpy as np
import pytest

from segline.base.errors import UserError
from segline.data import reader
from segline.data.stacks import Choice

pydicom = pytest.importorskip("pydicom")
STORED = np.array([[0, 1000, 1024], [1064, 1264, 4000]], np.uint16)
UNITS = STORED.astype(int) - 1024  # Hounsfield


def dicom(path, pixels=STORED, *, kind="MONOCHROME2", **tags):
    """The bytes of a CT slice whose slope is 1 and intercept -1024."""
    found = pydicom.Dataset()
    found.file_meta = pydicom.dataset.FileMetaDataset()
    found.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    found.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    found.SamplesPerPixel, found.PhotometricInterpretation = 1, kind
    found.Rows, found.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        found.NumberOfFrames = len(pixels)
    found.BitsAllocated, found.BitsStored, found.HighBit, found.PixelRepresentation = 16, 16, 15, 0
    found.RescaleSlope, found.RescaleIntercept = 1, -1024
    found.PixelData = pixels.tobytes()
    for name, value in tags.items():
        setattr(found, name, value)
    found.save_as(path, enforce_file_format=True)
    return path.read_bytes()


def test_without_a_window_the_stored_numbers_are_read(tmp_path):
    found = reader.picture(dicom(tmp_path / "a.dcm"), "a.dcm").pixels
    assert (found == STORED).all()
    turned = reader.picture(dicom(tmp_path / "a.dcm", kind="MONOCHROME1"), "a.dcm").pixels
    assert (turned == 4000 - STORED).all()


@pytest.mark.parametrize("window", [(40.0, 400.0), "file"])
def test_a_window_is_that_of_the_standard(tmp_path, window):
    """PS3.3 C.11.2.1.2.1: ((x - (c - 0.5)) / (w - 1) + 0.5) of the range, cut at its ends."""
    data = dicom(tmp_path / "a.dcm", WindowCenter=[40, 600], WindowWidth=[400, 1600])
    found = reader.picture(data, "a.dcm", Choice(window=window)).pixels
    expected = np.clip((UNITS - 39.5) / 399 + 0.5, 0, 1) * 255
    assert found.dtype == np.uint8
    assert (found == np.rint(expected)).all()
    assert (found[0, 0], found[1, 2]) == (0, 255)
    by_pydicom = pydicom.pixels.apply_windowing(UNITS, pydicom.dcmread(tmp_path / "a.dcm"))
    low, high = by_pydicom.min(), by_pydicom.max()
    assert np.abs(found - 255 * (by_pydicom - low) / (high - low)).max() <= 1
    data = dicom(tmp_path / "a.dcm", kind="MONOCHROME1", WindowCenter=40, WindowWidth=400)
    assert (reader.picture(data, "a.dcm", Choice(window=window)).pixels == 255 - found).all()


def test_a_file_without_window_and_several_frames_are_refused(tmp_path):
    with pytest.raises(UserError, match="a.dcm: the file names no window; .* data.window=40,400"):
        reader.picture(dicom(tmp_path / "a.dcm"), "a.dcm", Choice(window="file"))
    data = dicom(tmp_path / "a.dcm", np.stack([STORED, STORED + 1]))
    with pytest.raises(UserError, match="a.dcm: a stack of 2 pages of 2x3"):
        reader.picture(data, "a.dcm")
    assert (reader.picture(data, "a.dcm", Choice(page=1)).pixels == STORED + 1).all()


def test_negative_numbers_need_a_window(tmp_path):
    data = dicom(
        tmp_path / "a.dcm", (STORED.astype(int) - 1024).astype(np.int16), PixelRepresentation=1
    )
    with pytest.raises(UserError, match="a.dcm: values from -1024, .* data.window=40,400"):
        reader.picture(data, "a.dcm")
