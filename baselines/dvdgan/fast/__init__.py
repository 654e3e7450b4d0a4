"""What makes updates fast, each with a plain twin that tests compare it with.

==================  ============================================  =========================================
fast                does                                          plain twin
==================  ============================================  =========================================
`batch_norm`        BatchNorm and ReLU in few passes              float64 autograd, in tests
`fused`             compiles a pure function to one GPU kernel    the function itself, uncompiled
`fused_maps`        elementwise operations between convolutions   the other branch of `blocks`, `conv_gru`
`fused_norm`        BatchNorm and ReLU in one or two kernels      `batch_norm`
`graphs`            an update as one CUDA graph                   the same calls, kernel by kernel
==================  ============================================  =========================================

`modes` chooses between them by the setting `compile`; `process_state` has the lock that runs in one process share.
"""
