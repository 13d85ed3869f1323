"""What a look at a VAE found, and what to do about it."""

from html import escape
from typing import NamedTuple

REMEDIES = {
    "pixels": "bring them to [0, 1]: divide 8-bit pixels by 255, once, and leave out any mean and std",
    "draw": "decode z = mean + exp(0.5 * log_var) * torch.randn_like(mean)",
    "log variance or σ": "let the encoder return the log of the variance, of any sign, and take σ = exp(0.5 * log_var)",
    "gradient": "no .sample(), torch.normal, .detach(), .data or no_grad between encoder and decoder",
    "encoder's last layer": "end the encoder with a linear layer: nothing after it",
    "logits or probabilities": "end the decoder with a linear layer, and take a loss with logits",
    "evaluation mode": "nn.Dropout, or F.dropout(h, p, self.training); running statistics; and a draw in both modes",
    "dead units": "see that every unit reaches the decoder, and that the loss sums over pixels; let the KL weigh less at first",
    "NaN": "no logarithm, root or quotient of what can be 0: log_softmax, logsigmoid, losses with logits",
    "KL": "0.5 * (mean**2 + log_var.exp() - 1 - log_var), summed over units, averaged over images, added to the error",
    "loss scale": "add both terms, each summed over pixels or units; average both over images alone",
}
"""The kinds of fault, and what mends one."""


class Finding(NamedTuple):
    """One fault: its kind (of REMEDIES), what was seen, what to do."""

    fault: str
    seen: str
    remedy: str


class Findings(list[Finding]):
    """What was found; it prints as a table. Empty where nothing was."""

    def __repr__(self) -> str:
        wide = max((len(finding.fault) for finding in self), default=0)
        lines = (f"{fault:<{wide}} | {seen}\n{'':<{wide}} | → {remedy}" for fault, seen, remedy in self)
        return "\n".join(lines) or "nothing found"

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{name}</th>' for name in Finding._fields)
        rows = ("".join(f"<td>{escape(part)}</td>" for part in finding) for finding in self)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if self else "<p>nothing found</p>"


def found(fault: str, seen: str) -> Finding:
    return Finding(fault, seen, REMEDIES[fault])
