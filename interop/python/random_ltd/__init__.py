"""random-LTD in Python, token for token what the JavaScript library retains.

>>> from random_ltd import gpt_sample_tokens
>>> sampled_indices, _ = gpt_sample_tokens(4, 8, 2, layers=1, seed=7, step=0)
"""

from .rule import MAX_SEQ_LENGTH, SAMPLING_RULE, Request, check_request, philox4x32, sample_numpy

__all__ = [
    "MAX_SEQ_LENGTH",
    "SAMPLING_RULE",
    "Request",
    "check_request",
    "philox4x32",
    "sample_numpy",
]

# The rule needs numpy alone; what follows needs torch.
try:
    import torch as _torch  # noqa: F401
except ImportError:
    pass
else:
    from .sampling import bert_sample_tokens, gpt_sample_tokens, mask_gather, mask_slice
    from .tokens import GatherTokens, ScatterTokens, gather_tokens, scatter_tokens

    __all__ += [
        "GatherTokens",
        "ScatterTokens",
        "bert_sample_tokens",
        "gather_tokens",
        "gpt_sample_tokens",
        "mask_gather",
        "mask_slice",
        "scatter_tokens",
    ]
