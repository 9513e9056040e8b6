"""What a config may name, and who makes it: names only, since the makers need more imports."""

from __future__ import annotations

# The raw layouts and the modules of data.layouts that read them, by what they hold.
INSTANCES = {
    "dsb2018": "segline.data.layouts.dsb2018",
    "folders": "segline.data.layouts.object_folders",
    "npz": "segline.data.layouts.object_npz",
    "rle_csv": "segline.data.layouts.object_csv",
}
SEMANTIC = {
    "folders": "segline.data.layouts.folders",
    "npz": "segline.data.layouts.npz",
    "rle_csv": "segline.data.layouts.rle_csv",
}

# Kinds of pictures of objects, as data.modality tells them.
MODALITIES = ("fluorescence", "tissue_purple", "tissue_light", "brightfield")

# What `data.generate` makes, and the raw layout of each; synthetic.dsb2018 and synthetic.jobs write them.
GENERATED = {
    "demo": "dsb2018",
    "tiny": "dsb2018",
    "iris": "folders",
    "multiclass": "folders",
    "multichannel": "folders",
    "npz": "npz",
    "two_stage": "folders",
    "tiny_classes": "folders",
}

# What competitions score by; metrics.objectives computes them: those of objects, and of class masks.
OBJECT_METRICS = ("map_iou", "f2_iou", "ap_iou")
MASK_METRICS = (
    *("dice", "dice_0", "dice_present", "pooled_dice", "iou", "pooled_iou", "f05"),
    *("precision_iou", "surface_dice", "dice_hausdorff"),
)
METRICS = OBJECT_METRICS + MASK_METRICS

# The competition of a data set that names no other.
HOME = {"dsb2018": "data-science-bowl-2018"}

# Each term of the loss and its class in the package nets.losses: names only, since that needs Keras.
LOSS_TERMS = {
    "cross_entropy": "pixelwise.CrossEntropy",
    "balanced_cross_entropy": "pixelwise.BalancedCrossEntropy",
    "focal": "pixelwise.Focal",
    "dice": "overlap.Dice",
    "generalised_dice": "overlap.GeneralisedDice",
    "iou": "overlap.IoU",
}

# The last file that the generator of a raw layout writes.
GENERATED_SOLUTION = {
    "dsb2018": "stage1_solution.csv",
    "folders": "solution.csv",
    "npz": "solution.csv",
}
