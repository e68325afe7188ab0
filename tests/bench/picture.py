"""picture.py - charts as SVG and the report of `./dev bench all`: one HTML file that needs nothing else."""
import html
import math

COLOURS = ("#c0392b", "#e67e22", "#2471a3", "#1e8449", "#7d3c98", "#5d6d7e", "#b7950b")
STYLE = """body{font:14px/1.4 sans-serif;margin:2em auto;max-width:78em;color:#222}table{border-collapse:collapse;font-size:12px}
td,th{padding:1px 8px;text-align:left;border-bottom:1px solid #ddd}td.n{text-align:right}svg{margin:4px 8px 8px 0}
svg text{font:11px sans-serif;fill:#222}.key span{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1.2em}"""


def nice_end(value):
    """A round number not below it."""
    if value <= 0:
        return 1.0
    unit = 10 ** math.floor(math.log10(value))
    return next(m * unit for m in (1, 1.5, 2, 3, 5, 7.5, 10) if m * unit >= value * 0.9999)


class Chart:
    """A plane with axes from zero; `marks` are drawn in the order they were added."""

    def __init__(self, title, x_most, y_most, x_name="", y_name="", size=(270, 190)):
        (self.w, self.h), self.x_most, self.y_most = size, nice_end(x_most), nice_end(y_most)
        self.parts = ['<text x="8" y="14" font-weight="bold">%s</text>' % html.escape(title)]
        for i in range(5):
            y = self.y_most * i / 4
            self.line(0, y, self.x_most, y, "#ddd")
            self.text(0, y, "%.3g" % y, -6, 4, "end")
        if x_name:
            for i in range(1, 5):
                self.text(self.x_most * i / 4, 0, "%.3g" % (self.x_most * i / 4), 0, 14, "middle")
            self.parts.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (self.w - 8, self.h - 4, html.escape(x_name)))
        self.parts.append('<text x="%d" y="26" text-anchor="end">%s</text>' % (self.w - 8, html.escape(y_name)))

    def at(self, x, y):
        return 44 + x / self.x_most * (self.w - 58), self.h - 30 - y / self.y_most * (self.h - 64)

    def line(self, x0, y0, x1, y1, colour):
        (a, b), (c, d) = self.at(x0, y0), self.at(x1, y1)
        self.parts.append('<path d="M%.1f %.1fL%.1f %.1f" stroke="%s"/>' % (a, b, c, d, colour))

    def text(self, x, y, text, dx=0, dy=0, anchor="start"):
        a, b = self.at(x, y)
        self.parts.append('<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>' % (a + dx, b + dy, anchor, html.escape(text)))

    def dot(self, x, y, colour, what):
        a, b = self.at(x, y)
        self.parts.append('<circle cx="%.1f" cy="%.1f" r="5" fill="%s" fill-opacity=".8"><title>%s</title></circle>' % (a, b, colour, html.escape(what)))

    def bar(self, x0, x1, y, colour, what):
        (a, b), (c, d) = self.at(x0, y), self.at(x1, 0)
        self.parts.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"><title>%s</title></rect>' % (
            a, b, max(1, c - a - 1), max(0.5, d - b), colour, html.escape(what)))

    def svg(self):
        return '<svg width="%d" height="%d" viewBox="0 0 %d %d">%s</svg>' % (self.w, self.h, self.w, self.h, "".join(self.parts))


# ---- from figures to charts ----

def field(row, name):
    """What `setup` says of this, "" if nothing."""
    return next((w[len(name) + 1:].rstrip(",") for w in row["setup"].split() if w.startswith(name + "=")), "")


def who(row):
    """Whose figure: the peer, or ourselves through an engine."""
    engine = field(row, "engine")
    return row["peer"] or "rtcroomd" + (" (%s)" % engine if engine else "")


def in_order(values):
    return list(dict.fromkeys(values))


def palette(rows):
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(sorted(in_order(who(r) for r in rows), key=lambda n: not n.startswith("rtcroomd")))}


def key(colours):
    return '<p class="key">%s</p>' % "".join('<span style="background:%s"></span>%s' % (c, html.escape(n)) for n, c in colours.items())


def delay_against_concealment(rows):
    """A small chart for each trace, the figures of live connections; where there are none, those in virtual time."""
    live = [r for r in rows if " live" in r["setup"]] or rows
    trace = lambda r: field(r, "trace") + (" talk" if " talk" in r["setup"] else "")  # noqa: E731
    colours, out = palette(live), []
    for name in in_order(map(trace, live)):
        of = {}
        for r in live:
            if trace(r) == name:
                of.setdefault(who(r), {})[r["metric"]] = r["value"]
        points = [(n, m["added_delay_ms_p50"], m["concealed_percent"]) for n, m in of.items() if {"added_delay_ms_p50", "concealed_percent"} <= m.keys()]
        if not points:
            continue
        chart = Chart(name, max(p[1] for p in points), max(0.1, *(p[2] for p in points), 0.1), "ms added (p50)", "% concealed")
        for n, x, y in points:
            chart.dot(x, y, colours[n], "%s: %.1f ms, %.2f %%" % (n, x, y))
        out.append(chart.svg())
    return key(colours) + "".join(out)


def bars(rows, metric, groups, title, unit, colours):
    """Bars of each `who` beside each other, for each group (a function of the row)."""
    rows = [r for r in rows if r["metric"] == metric]
    if not rows:
        return ""
    names = in_order(map(groups, rows))
    chart = Chart(title, len(names), max(r["value"] for r in rows), "", unit, (max(360, 90 * len(names)), 210))
    for i, name in enumerate(names):
        here = [r for r in rows if groups(r) == name]
        width = 0.9 / len(here)
        for k, r in enumerate(here):
            chart.bar(i + 0.05 + k * width, i + 0.05 + (k + 1) * width, r["value"], colours[who(r)], "%s, %s: %.3g" % (who(r), r["setup"], r["value"]))
        chart.text(i + 0.5, 0, name, 0, 14, "middle")
    return chart.svg()


def quality_against_loss(rows):
    trace = lambda r: field(r, "trace")  # noqa: E731
    parts = [("missing_percent", "made up", "%"), ("pesq_wb", "PESQ, wideband", "MOS"), ("stoi", "STOI", ""),
             ("word_accuracy_percent", "words recognised", "%"), ("overhead_percent", "more bytes than without repair", "%")]
    colours = palette(rows)
    return key(colours) + "".join(bars(rows, m, trace, t, u, colours) for m, t, u in parts)


def cost(rows):
    parts = [("cpu", "percent_core_call", "a core in a call", "%"), ("memory", "pss_call_mb", "memory in a call, PSS", "MB"),
             ("memory", "private_dirty_call_mb", "memory in a call, unshareable", "MB")]
    colours = palette(rows)
    return key(colours) + "".join(bars([r for r in rows if r["bench"] == b], m, who, t, u, colours) for b, m, t, u in parts)


def table(rows, goals):
    cells = ("<tr><td>%s<td>%s<td class=n>%.4g<td>%s<td>%s<td>%s<td>%s" % (r["bench"], r["metric"], r["value"], *(
        html.escape(str(t)) for t in (r["unit"], goals.get(i, ""), r["setup"], r["peer"]))) for i, r in enumerate(rows))
    return "<table><tr><th>bench<th>metric<th>value<th>unit<th>goal<th>setup<th>peer%s</table>" % "".join(cells)


def page(rows, goals, notes):
    """The report; goals are by the number of the row, notes are lines of text."""
    of = lambda *names: [r for r in rows if r["bench"] in names]  # noqa: E731
    chapters = [("Delay of the jitter buffer against concealment", of("jitter"), delay_against_concealment),
                ("Speech on lines that lose packets", of("loss"), quality_against_loss), ("What a call costs", of("cpu", "memory"), cost)]
    body = ["<h2>%s</h2>%s" % (title, draw(figures)) for title, figures, draw in chapters if figures]
    return "<!doctype html><meta charset=utf-8><title>rtcroomd: figures</title><style>%s</style><h1>rtcroomd: figures</h1><p>%s</p>%s<h2>All figures</h2>%s\n" % (
        STYLE, "<br>".join(map(html.escape, notes)), "".join(body), table(rows, goals))
