"""The colours of figures and labs: of quantities, and ten for ten classes that stay apart for colour-blind readers (Petroff 2021)."""

CLASS_COLOURS = [
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
]  # fmt: skip

DISTORTION, RATE, GAP = "#177244", "#7f3692", "#aa3225"  # what lab.css mixes on white paper
