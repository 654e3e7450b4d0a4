"""DVD-GAN (arXiv 1907.06571 v2), the reference baseline, plugged into vidbench as any third party would be.

`dvdgan.model.DVDGAN` is the plug; importing this package loads nothing else.
"""
