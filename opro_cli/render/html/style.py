"""The page's style. Colours are named once, for light, for dark and for paper."""

from __future__ import annotations

STYLE = """
:root {
  --page: #f6f7f9; --card: #ffffff; --ink: #171b21; --soft: #59626f; --line: #d9dee5;
  --link: #0b57a4; --best: #0a6b4f; --start: #8a4b08; --dot: #3f6fb3; --mean: #7a3fa0;
  --track: #e9edf2; --good: #0a6b4f; --bad: #a8221d; --even: #7a5200; --mark: #fff3c4;
  --onbar: #171b21;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #101318; --card: #191e25; --ink: #e8ecf1; --soft: #a5b0be; --line: #323a45;
    --link: #8fc1ff; --best: #4bd0a0; --start: #f0ae62; --dot: #82b0f0; --mean: #cda0f2;
    --track: #2a313b; --good: #4bd0a0; --bad: #ff9a92; --even: #f2c75c; --mark: #40380f;
    --onbar: #ffffff;
  }
}
* { box-sizing: border-box; }
html { color-scheme: light dark; scroll-padding-top: 1rem; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  -webkit-text-size-adjust: 100%;
}
main { max-width: 72rem; margin: 0 auto; padding: 2rem 1.5rem 1rem; }
footer { max-width: 72rem; margin: 0 auto; padding: 0 1.5rem 2.5rem; color: var(--soft); }
footer, .note, .about, small, .legend, figcaption { font-size: .875rem; }
h1, h2 { font-size: 1.6rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h3 { font-size: 1.15rem; margin: 0 0 .5rem; }
h4 { font-size: 1rem; margin: 1.25rem 0 .5rem; }
small { color: var(--soft); font-weight: 400; }
a { color: var(--link); }
a:focus-visible, button:focus-visible, summary:focus-visible, .wide:focus-visible,
tr:focus-visible {
  outline: 3px solid var(--link); outline-offset: 2px; border-radius: 4px;
}
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--card); padding: .5rem 1rem; z-index: 3; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.note, .about { color: var(--soft); margin: 0 0 1rem; max-width: 46rem; }
.about { margin: .5rem 0 0; display: flex; flex-wrap: wrap; gap: .1rem 1.25rem; max-width: none; }
bdi { overflow-wrap: anywhere; }
.text, pre bdi { white-space: pre-wrap; overflow-wrap: anywhere; }

article + article, .comparison + article { margin-top: 4rem; }
article > *, section { margin-top: 1.5rem; }
section, .verdict, .prompt, .comparison {
  background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.5rem;
}
article > header { margin: 0 0 1.25rem; }
.comparison h1 { margin-bottom: 1rem; }
.comparison td:nth-child(2) { min-width: 10rem; }
.comparison td:nth-child(7) { min-width: 16rem; }
.brand { font-size: .8rem; font-weight: 600; color: var(--soft); margin: 0 0 1rem; }

.verdict { border-left: 8px solid var(--soft); }
.verdict.improved { border-left-color: var(--good); }
.verdict.worse { border-left-color: var(--bad); }
.verdict.not_distinguishable { border-left-color: var(--even); }
.word { font-size: 2rem; line-height: 1.2; font-weight: 700; margin: 0; }
.improved .word { color: var(--good); }
.worse .word { color: var(--bad); }
.not_distinguishable .word { color: var(--even); }
.sentence { font-size: 1.1rem; margin: .4rem 0 0; }
.figures {
  display: flex; flex-wrap: wrap; align-items: center; gap: .75rem 1.75rem; margin-top: 1.25rem;
}
.figures p { margin: 0; }
.figures p:has(span) { display: grid; }
.figures span, .figures small { color: var(--soft); font-size: .875rem; }
.figures b { font-size: 1.9rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.figures .arrow { font-size: 1.75rem; }
.noise { color: var(--soft); margin: 1rem 0 0; }

.prompts {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr));
  gap: 1.5rem;
}
.prompt { margin: 0; border-top: 4px solid var(--start); }
.prompt.best { border-top-color: var(--best); }
figcaption { color: var(--soft); }
.prompt figcaption { font-weight: 600; }
.prompt.best figcaption { color: var(--best); }
.prompt.start figcaption { color: var(--start); }
blockquote { margin: .5rem 0 0; font-size: 1.1rem; }

nav ul {
  display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; margin: 0; padding: 0;
}

.splits { display: grid; gap: 1.25rem; }
.split h4 { margin-top: 0; }
.row {
  display: grid; grid-template-columns: 11rem 1fr 15rem; gap: .25rem 1rem; align-items: center;
  margin: .35rem 0;
}
.row svg { display: block; overflow: visible; }
.worth, td, .ends { font-variant-numeric: tabular-nums; }
.track { fill: var(--track); }
.bar { fill: var(--best); }
.bar.start { fill: var(--start); }
.bar.other { fill: var(--dot); }
.bar { fill-opacity: .7; }
.span { stroke: var(--onbar); stroke-width: 2; }
.who { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.others { padding-left: 1.2rem; margin: 0; }

.plot { padding: .75rem .75rem 2rem 3.25rem; }
svg.curve { display: block; overflow: visible; }
.curve svg { overflow: visible; }
.grid { stroke: var(--line); }
.curve text { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
.left { text-anchor: end; }
.below { text-anchor: middle; }
.axis { margin: 0; text-align: center; color: var(--soft); font-size: .8rem; }
.dots circle, circle.part { fill: var(--dot); stroke: var(--card); }
.dots .part circle, circle.part { fill: var(--card); stroke: var(--dot); stroke-width: 1.5; }
.dense a:not(:hover, :focus) circle { r: 3px; stroke: none; fill-opacity: .5; }
.curve svg path { pointer-events: none; }
.dots svg path { pointer-events: auto; }
.best path, .dots .best path { fill: var(--best); stroke: var(--card); }
.start path { fill: var(--start); stroke: var(--card); }
.dots a { cursor: pointer; outline: none; }
.dots a:hover circle, .dots a:focus circle { r: 7px; stroke: var(--ink); stroke-width: 2; }
.dots a:hover path, .dots a:focus path { stroke: var(--ink); stroke-width: 2; }
.bestline { fill: none; stroke: var(--best); stroke-width: 2.5; }
.mean { fill: none; stroke: var(--mean); stroke-width: 2; stroke-dasharray: 6 4; }
.legend {
  display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0;
  margin: 0 0 .5rem;
}
.legend li { display: flex; align-items: center; gap: .35rem; }
#tip {
  position: absolute; z-index: 2; width: max-content; max-width: min(26rem, calc(100vw - 16px));
  background: var(--ink); color: var(--card); border-radius: 8px; padding: .6rem .8rem;
  font-size: .875rem; line-height: 1.4; pointer-events: none; white-space: pre-wrap;
}
#tip[hidden] { display: none; }
#tip b { display: block; margin-bottom: .25rem; }

.wide { overflow-x: auto; }
.tall { max-height: 42rem; overflow: auto; }
.tall thead th { position: sticky; top: 0; background: var(--card); z-index: 1; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td {
  text-align: left; vertical-align: top; padding: .5rem .75rem .5rem 0;
  border-bottom: 1px solid var(--line);
}
thead th { color: var(--soft); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 400; }
td small { white-space: nowrap; }
.wide td, .wide th { min-width: 5rem; }
.wide tbody th { min-width: 14rem; }
.right { color: var(--good); }
.wrong { color: var(--bad); }
.none { color: var(--soft); }
.candidates .instruction { width: 46%; min-width: 16rem; }
.candidates td b { white-space: nowrap; }
.candidates td:is(.train, .dev, .test) { min-width: 8.4rem; }
.candidates td small { display: inline-block; }
.candidates .flags { min-width: 9rem; overflow-wrap: anywhere; }
.candidates button {
  font: inherit; color: inherit; background: none; border: 0; padding: .25rem 0; cursor: pointer;
}
.candidates button::after { content: " ↕"; opacity: .55; }
[aria-sort=ascending] button::after { content: " ↑"; opacity: 1; }
[aria-sort=descending] button::after { content: " ↓"; opacity: 1; }
[aria-sort=ascending], [aria-sort=descending] { color: var(--ink); }
.candidates tr:target { background: var(--mark); }
.badge {
  display: inline-block; border: 1px solid currentColor; border-radius: 999px; padding: 0 .6rem;
  font-size: .75rem; font-weight: 600; margin: 0 .5rem .2rem 0;
}
.best .badge { color: var(--best); }
.start .badge { color: var(--start); }
summary { cursor: pointer; }
details[open] > summary bdi { display: none; }
details[open] > summary:has(bdi)::after { content: "fold"; color: var(--link); }
.all > summary { color: var(--link); padding: .75rem 0; }
pre { margin: 1rem 0 0; font: .8125rem/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, monospace; }

.small {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 14rem), 1fr));
  gap: 1.5rem; margin-bottom: 1.25rem;
}
.small figure { margin: 0; }
.small svg { display: block; margin-top: .35rem; border-bottom: 1px solid var(--soft); }
.under { fill: var(--dot); fill-opacity: .18; }
.line { fill: none; stroke: var(--dot); stroke-width: 2; }
.ends { display: flex; justify-content: space-between; font-size: .75rem; color: var(--soft); }

@media (max-width: 44rem) {
  main { padding: 1rem .75rem; }
  section, .verdict, .prompt, .comparison { padding: 1rem; border-radius: 10px; }
  h1, h2 { font-size: 1.3rem; }
  .word { font-size: 1.6rem; }
  .figures { gap: .5rem 1rem; }
  .wide tbody th { min-width: 11rem; }
  .figures b { font-size: 1.5rem; }
  .row { grid-template-columns: 1fr auto; margin: .6rem 0; }
  .row svg { grid-column: 1 / -1; grid-row: 2; }
  .plot { padding-right: .25rem; padding-left: 2.9rem; }
  .candidates, .candidates tbody { display: block; }
  .candidates thead { display: block; }
  .candidates thead tr { display: flex; flex-wrap: wrap; gap: 0 1rem; }
  .candidates thead th, .candidates .instruction {
    border: 0; padding: 0; width: auto; min-width: 0;
  }
  .candidates thead button { padding: .4rem 0; }
  .candidates tbody tr {
    content-visibility: auto; contain-intrinsic-size: auto 9rem;
    display: grid; grid-template-columns: repeat(3, 1fr); gap: .25rem .75rem; padding: .75rem 0;
    border-bottom: 1px solid var(--line);
  }
  .candidates tbody td, .candidates td:is(.train, .dev, .test) {
    border: 0; padding: 0; min-width: 0;
  }
  .candidates td.instruction { grid-column: 1 / -1; grid-row: 1; }
  .candidates td.none { display: none; }
  .tall { max-height: 80vh; }
  .tall thead th { position: static; }
  .candidates td::before { display: block; color: var(--soft); font-size: .75rem; }
  td.step::before { content: "step"; }
  td.train::before { content: "train"; }
  td.dev::before { content: "dev"; }
  td.test::before { content: "test"; }
  td.unreadable::before { content: "unreadable"; }
  td.refused::before { content: "refused"; }
  td.flags::before { content: "flags"; }
}
@media print {
  html { color-scheme: light; }
  body { background: none; font-size: 10pt; }
  main { max-width: none; padding: 0; }
  nav, .skip, #tip, .candidates button::after, .candidates summary { display: none; }
  section, .verdict, .prompt, .comparison { border-color: #999; padding: .75rem; }
  .verdict, .prompt, .splits, .plot, figure, tr { break-inside: avoid; }
  h3, h4, .legend { break-after: avoid; }
  thead { display: table-header-group; }
  .wide, .tall { overflow: visible; max-height: none; }
  .tall thead th { position: static; }
  table { font-size: .75rem; }
  .candidates .instruction, .candidates td:is(.train, .dev, .test) { min-width: 0; }
  .wide td, .wide th, .wide tbody th { min-width: 0; }
  td small { font-size: .7rem; }
  th, td { padding-right: .4rem; }
}
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
"""


SWEEP_STYLE = (
    STYLE
    + """
:root {
  --up1: #e3f4ec; --up2: #c4e8d8; --up3: #9ad9bc; --up4: #6cc79d;
  --down1: #fdeee0; --down2: #fbdcc0; --down3: #f5c396; --down4: #eda76a;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --up1: #15332a; --up2: #18463a; --up3: #1b5846; --up4: #1f6b52;
    --down1: #3a2815; --down2: #4d3216; --down3: #634018; --down4: #7a4d19;
  }
}
main > *, main > section { margin-top: 1.5rem; }
main > h1 { margin-top: 0; }
section > h2 { margin-bottom: .5rem; }
.cells td, .cells thead th { text-align: left; padding: .6rem .75rem; }
.cells tbody td, .cells tfoot td {
  border: 2px solid var(--card); background: var(--track); min-width: 12rem;
}
.cells td b, .cells td span { display: block; }
.cells td b { font-size: 1.05rem; }
.cells td span { font-size: .8rem; }
.cells tbody td.empty { background: none; color: var(--soft); }
.cells th { overflow-wrap: anywhere; white-space: normal; }
.cells tbody th, .cells tfoot th, .cells thead td {
  position: sticky; left: 0; background: var(--card); min-width: 7rem; max-width: 14rem;
}
.cells tfoot th { border-top: 2px solid var(--soft); font-weight: 600; }
#winners tbody th { min-width: 7rem; }
#winners td:last-child { min-width: 15rem; }
.up1 { background: var(--up1) !important; } .up2 { background: var(--up2) !important; }
.up3 { background: var(--up3) !important; } .up4 { background: var(--up4) !important; }
.down1 { background: var(--down1) !important; } .down2 { background: var(--down2) !important; }
.down3 { background: var(--down3) !important; } .down4 { background: var(--down4) !important; }
.tints { display: flex; flex-wrap: wrap; gap: .25rem; list-style: none; padding: 0; }
.tints li { padding: .15rem .6rem; border-radius: 4px; font-size: .8rem; background: var(--track); }
.tints { margin: .75rem 0; }
.cells td, .tints li { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.forest .row { grid-template-columns: 11rem 1fr 20rem; }
.forest .zero { stroke: var(--soft); stroke-dasharray: 3 3; }
.forest circle { fill: var(--dot); }
.forest .whole circle { fill: var(--best); }
.forest .whole .who { font-weight: 600; }
.command { font: .875rem/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, monospace; }
@media (max-width: 44rem) {
  .forest .row { grid-template-columns: 1fr; }
  .forest .who { white-space: normal; overflow-wrap: anywhere; }
  .forest .row svg { grid-row: auto; }
  .cells tbody td, .cells tfoot td { min-width: 12rem; }
  .cells tbody th, .cells tfoot th, .cells thead td { min-width: 6rem; max-width: 7rem; }
}
"""
)
