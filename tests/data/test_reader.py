import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from segline.base.errors import UserError
from segline.data import reader, stacks
from segline.data.levels import as_rgb8
from segline.data.reader import Choice

GREY = np.random.default_rng(0).integers(0, 256, (12, 17), np.uint8)
GREY[0, :2] = 0, 255
RGB = np.stack([GREY, GREY // 2, GREY // 3], axis=-1)
DEEP = GREY.astype(np.uint16)


def tiff(numbers, **how):
    out = io.BytesIO()
    tifffile.imwrite(out, numbers, **how)
    return out.getvalue()


def saved(numbers, suffix, **how):
    out = io.BytesIO()
    Image.fromarray(numbers).save(out, suffix, **how)
    return out.getvalue()


def encoded(suffix, numbers):
    return cv2.imencode(suffix, numbers)[1].tobytes()


def rgb8(data, choice=None):
    return as_rgb8(reader.picture(data, "a", choice).pixels)


def refusal(data, choice=None, read=reader.picture):
    with pytest.raises(UserError) as caught:
        read(data, "folder/a.tif", choice)
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith("folder/a.tif: ")
    return said


@pytest.mark.parametrize(
    "data",
    [
        encoded(".png", GREY),
        encoded(".png", DEEP),
        tiff(GREY),
        tiff(DEEP),
        tiff(GREY.astype(np.int16)),
        tiff(GREY.astype(np.int32)),
        tiff(GREY.astype(np.uint32)),
        tiff(GREY.astype(np.float32)),
        tiff(GREY / np.float64(255)),
        tiff(np.stack([DEEP] * 3), photometric="rgb", planarconfig="separate"),
        tiff(np.stack([GREY] * 3), photometric="rgb", planarconfig="separate"),
        tiff(np.stack([DEEP] * 3, axis=-1), photometric="rgb"),
        tiff(65535 - DEEP, photometric="miniswhite"),
        encoded(".tif", DEEP),  # LZW, which tifffile alone cannot unpack
        saved(GREY, "TIFF", compression="tiff_lzw"),
        saved(GREY, "GIF"),
        saved(GREY, "BMP"),
        saved(GREY, "JPEG2000"),
    ],
)
def test_one_picture_is_the_same_in_every_depth_and_container(data):
    assert (rgb8(data) == GREY[..., None]).all()


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("write", [tiff, lambda numbers: encoded(".png", numbers)])
def test_deep_integers_keep_their_grey_levels(bits, write):
    levels = np.linspace(0, 2**bits - 1, 60).astype(np.uint16)
    found = rgb8(write(np.repeat(levels, 60).reshape(60, 60)))
    assert len(np.unique(found)) == 60
    assert (found.min(), found.max()) == (0, 255)


@pytest.mark.parametrize(
    "data",
    [
        tiff(RGB, photometric="rgb"),
        tiff(np.moveaxis(RGB, 2, 0), photometric="rgb", planarconfig="separate"),
        tiff(RGB.astype(np.float32), photometric="rgb"),
        tiff(np.moveaxis(RGB.astype(np.uint16), 2, 0), ome=True, metadata={"axes": "CYX"}),
        encoded(".png", RGB[..., ::-1]),
        encoded(".tif", RGB[..., ::-1].astype(np.uint16)),
        encoded(".png", np.dstack([RGB[..., ::-1], GREY])),
    ],
)
def test_colours_are_in_one_order_and_transparency_is_dropped(data):
    assert (rgb8(data) == RGB).all()


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (GREY.astype(np.int16) - 9, "values -9..246 are on no known scale"),
        (GREY.astype(np.int32) * 1000, "no known scale"),
        (np.where(GREY > 9, np.nan, 1).astype(np.float32), "NaN or infinite at pixel"),
        (GREY.astype(np.complex64), "real numbers"),
    ],
)
def test_numbers_that_are_no_levels_are_refused(tmp_path, numbers, message):
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(numbers))
    with pytest.raises(UserError, match=f"a.tif: .*{message}"):
        reader.rgb8(path)


STACK = tiff(
    np.stack([GREY, GREY // 2, GREY // 4]), photometric="minisblack", metadata={"axes": "ZYX"}
)
FIVE = tiff(np.stack([GREY // n for n in range(1, 6)]), ome=True, metadata={"axes": "CYX"})
BOTH = tiff(
    np.stack([[GREY // (1 + z + 3 * c) for c in range(3)] for z in range(4)]).astype(np.uint16),
    imagej=True,
    metadata={"axes": "ZCYX"},
)
TWO = tiff(np.stack([GREY, GREY // 2]))
FILM = saved(GREY, "GIF", save_all=True, append_images=[Image.fromarray(GREY // 2)])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (STACK, ["stack of 3 pages of 12x17", "page=0 to 2", "project=max"]),
        (FIVE, ["5 channels", "channels= (data.channels)", "0 to 4"]),
        (BOTH, ["4 pages, 3 channels", "page=0 to 3"]),
        (TWO, ["2 pages", "data.page", "if they are channels", "data.channels"]),
        (FILM, ["2 pages", "page=0 to 1"]),
    ],
)
def test_what_only_the_user_knows_is_refused_naming_pages_and_channels(data, words):
    said = refusal(data)
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("data", "choice", "expected"),
    [
        (STACK, Choice(page=1), GREY // 2),
        (STACK, Choice(project="max"), GREY),
        (FIVE, Choice(channels=(4,)), GREY // 5),
        (FIVE, Choice(channels=(0, 1, 2)), RGB),
        (BOTH, Choice(page=3, channels=(1,)), GREY // 7),
        (BOTH, Choice(project="max", channels=(2,)), GREY // 7),
        (TWO, Choice(page=1), GREY // 2),
        (TWO, Choice(channels=(1,)), GREY // 2),
        (FILM, Choice(page=0), np.dstack([GREY] * 3)),
        (encoded(".png", RGB[..., ::-1]), Choice(channels=(2,)), GREY // 3),
    ],
)
def test_a_choice_is_kept_to(data, choice, expected):
    found = reader.picture(data, "a", choice)
    assert (found.pixels == expected).all()
    assert not found.whole


@pytest.mark.parametrize("n_channels", [2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_channels_at_the_end_of_an_array_are_no_columns_of_pages(n_channels, dtype):
    numbers = np.stack([GREY // (n + 1) for n in range(n_channels)], axis=-1).astype(dtype)
    data = tiff(numbers, photometric="minisblack")
    assert (reader.picture(data, "a", Choice(channels=(1,))).pixels == numbers[..., 1]).all()
    if n_channels == 2:
        assert "2 channels, neither grey" in refusal(data)
    else:
        assert (reader.picture(data, "a").pixels == numbers).all()
    if n_channels == 3:
        assert (reader.mask(data, "a").pixels == numbers).all()
    else:
        assert f"{n_channels} channels of 12x17; a TIFF mask has one" in refusal(
            data, read=reader.mask
        )


@pytest.mark.parametrize(
    ("data", "choice", "message"),
    [
        (STACK, Choice(page=3), "no page 3 in 3 pages"),
        (encoded(".png", GREY), Choice(page=1), "no page 1 in 1 pages"),
        (FIVE, Choice(channels=(5,)), "no channel 5 among 5"),
        (tiff(GREY), Choice(channels=(1,)), "no channel 1 among 1"),
    ],
)
def test_a_choice_of_what_is_not_there_is_refused(data, choice, message):
    assert message in refusal(data, choice)


def with_tag(suffix, numbers, value=6):
    exif = Image.Exif()
    exif[stacks.ORIENTATION] = value
    return saved(numbers, suffix, exif=exif)


@pytest.mark.parametrize("suffix", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("value", range(2, 9))
def test_an_orientation_tag_is_ignored_and_said(suffix, value):
    found = reader.picture(with_tag(suffix, RGB, value), "a")
    assert found.pixels.shape == (12, 17, 3)
    assert [kind for kind, _ in found.notes] == [reader.TURNED]
    assert not found.whole
    plain = reader.picture(with_tag(suffix, RGB, 1), "a")
    assert (found.pixels == plain.pixels).all()
    assert (plain.whole, plain.notes) == (True, ())
    mask = reader.mask(with_tag(suffix, GREY), "a")
    assert mask.pixels.shape[:2] == (12, 17)
    assert [kind for kind, _ in mask.notes] == [reader.TURNED]


def png_header(height, width):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("read", [reader.picture, reader.mask])
def test_a_picture_too_large_is_one_line(read, monkeypatch):
    said = refusal(png_header(28_000, 40_000), read=read)
    assert "28000x40000 px (height x width) are more than 2^30" in said
    monkeypatch.setattr(stacks, "MAX_PIXELS", 200)
    for data in (tiff(DEEP), tiff(GREY), encoded(".png", GREY)):
        assert "12x17 px" in refusal(data, read=read)


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 1)])
@pytest.mark.parametrize("write", [tiff, lambda numbers: encoded(".png", numbers)])
def test_small_and_narrow_pictures_are_read(shape, write):
    assert rgb8(write(np.full(shape, 9, np.uint8))).shape == (*shape, 3)


DAMAGED = [
    b"",
    b"no",
    png_header(3, 3),
    tiff(GREY)[:120],
    tiff(DEEP)[:300],
    encoded(".png", GREY)[:40],
]


@pytest.mark.parametrize("data", DAMAGED)
@pytest.mark.parametrize("read", [reader.picture, reader.mask])
def test_damage_is_one_line_with_the_path(data, read):
    assert "not a readable" in refusal(data, read=read)


def answer(read, data):
    try:
        read(data, "a")
    except UserError as error:
        return str(error)
    return ""


def test_any_part_of_a_file_is_read_or_refused_in_one_line():
    rng = np.random.default_rng(1)
    said = []
    for data in (tiff(DEEP), BOTH, encoded(".png", GREY), with_tag("JPEG", RGB), FILM):
        for _ in range(20):
            broken = bytearray(data[: rng.integers(1, len(data))])
            broken[rng.integers(len(broken))] ^= 1 << rng.integers(8)
            for read in (reader.picture, reader.mask):
                said.append(answer(read, bytes(broken)))
    assert not any("\n" in line for line in said)
    assert any(said)


@pytest.mark.parametrize("read", [reader.picture, reader.mask])
@pytest.mark.parametrize("numbers", [GREY, DEEP, RGB.astype(np.uint16)], ids=["8", "16", "colour"])
def test_a_damaged_png_is_refused_and_libpng_says_nothing(read, numbers, capfd):
    whole = encoded(".png", numbers)
    for at in range(8, len(whole)):
        assert "not a readable" in refusal(whole[:at], read=read)
        flipped = whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :]
        assert "not a readable" in refusal(flipped, read=read)
    assert capfd.readouterr() == ("", "")


ALPHA = np.zeros((4, 6, 4), np.uint8)
ALPHA[1:3, 2:5, 3] = 255


@pytest.mark.parametrize(
    "data",
    [
        saved(ALPHA, "PNG"),
        saved(ALPHA[..., 2:], "PNG"),
        encoded(".png", ALPHA.astype(np.uint16) * 257),
        tiff(ALPHA, photometric="rgb", extrasamples=["unassalpha"]),
    ],
)
def test_transparency_is_the_mask_where_colours_are_constant(data):
    found = reader.mask(data, "a").pixels
    assert (found > 0).tolist() == (ALPHA[..., 3] > 0).tolist()


def test_masks_keep_their_numbers_and_palettes():
    for numbers in (DEEP * 257, GREY.astype(np.uint32) * 70_000, GREY.astype(np.float32)):
        assert (reader.mask(tiff(numbers), "a").pixels == numbers).all()
    image = Image.fromarray(GREY % 3)
    image.putpalette([9, 9, 9, 200, 0, 0, 0, 90, 0])
    out = io.BytesIO()
    image.save(out, "PNG")
    found = reader.mask(out.getvalue(), "a")
    assert (found.pixels == GREY % 3).all()
    assert found.coloured()[GREY % 3 == 1][0].tolist() == [200, 0, 0]
    assert "save one mask a file" in refusal(STACK, read=reader.mask)
    assert (reader.mask(STACK, "a", Choice(page=2)).pixels == GREY // 4).all()
