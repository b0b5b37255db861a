"""The widgets that every page uses, in one import."""

from tlstudio.gui.widgets.controls import (
    ElidedLabel,
    Pill,
    button,
    icon_button,
    link_button,
    muted_label,
    padded,
    pill_button,
    primary_button,
    set_kind,
    small_label,
)
from tlstudio.gui.widgets.page import Page
from tlstudio.gui.widgets.surfaces import Banner, Card, EmptyState, PageHeader, rule, scrolled

__all__ = [
    "Banner",
    "Card",
    "ElidedLabel",
    "EmptyState",
    "Page",
    "PageHeader",
    "Pill",
    "button",
    "icon_button",
    "link_button",
    "muted_label",
    "padded",
    "pill_button",
    "primary_button",
    "rule",
    "scrolled",
    "set_kind",
    "small_label",
]
