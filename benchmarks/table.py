"""The measured numbers as Markdown."""


def markdown(result: dict) -> str:
    """A table a scene, and a line on the machine."""
    parts = []
    for part in result["scenes"]:
        parts += [
            f"**{part['side']}x{part['side']} px, {part['n']} objects**",
            "",
            *_rows(part),
            "",
        ]
    machine = result["machine"]
    parts.append(
        f"Medians of alternated calls on one core, in brackets the quartiles; measured {machine['date']} "
        f"on {machine['cpu']}, Python {machine['python']}, numpy {machine['numpy']}, "
        f"numba {machine['numba']}; a copy moves {machine['bandwidth'] / 1e9:.0f} GB/s. Memory is the "
        f"peak beyond the inputs, over the label image's. {_gain(result['compile'], result['numpy'])}"
    )
    return "\n".join(parts)


def _rows(part: dict) -> list[str]:
    head = "| kernel | peer | ours, ms | peer, ms | ratio | ceiling | of the floor | memory |"
    lines = [head, "|" + "---|" * 8]
    for row in part["kernels"]:
        floor = row["ours"]["median"] / row["floor"]
        memory = "" if row["memory"] is None else f"{row['memory']:.1f}x"
        lines.append(
            f"| {row['kernel']} | {row['peer_name']} | {_ms(row['ours'])} | {_ms(row['peer'])} | "
            f"**{row['ratio']:.2g}** | {row['ceiling']} | {floor:.0f}x | {memory} |"
        )
    return lines


def _ms(times: dict) -> str:
    low, middle, high = (f"{1e3 * times[key]:.3g}" for key in ("low", "median", "high"))
    return f"{middle} ({low}-{high})"


def _gain(compile_seconds: dict, scorer: dict) -> str:
    times = scorer["plain"]["median"] / scorer["compiled"]["median"]
    return (
        f"What numba buys: the scorer in plain numpy takes {_ms(scorer['plain'])} ms on the larger "
        f"image, {times:.1f} times as long. Its price: compiling all kernels takes "
        f"{compile_seconds['cold']:.0f} s once, loading them from the cache "
        f"{compile_seconds['cached']:.1f} s a process."
    )
