"""What the page about a sweep adds to the style of the others: squares with a tint."""

from opro_cli.reports.html.style import STYLE

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
