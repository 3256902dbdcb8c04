"""The style sheet of a report."""

from __future__ import annotations

STYLE = """
:root { --page: #f4f5f7; --card: #fff; --ink: #16202b; --soft: #5a6673; --line: #e1e5ea;
  --good: 22 122 75; --bad: 184 48 44 }
@media (prefers-color-scheme: dark) {
  :root { --page: #0e1319; --card: #161d25; --ink: #e6ebf0; --soft: #9ba8b5; --line: #2b3641;
    --good: 60 190 130; --bad: 235 100 90 }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 1180px; margin: 0 auto; padding: 1.6rem }
h1 { margin: 0 0 .6rem; font-size: 1.6rem; overflow-wrap: anywhere } h2 { margin: 0 0 .8rem; font-size: 1.15rem }
h3 { margin: 1.3rem 0 .4rem; font-size: .95rem }
section {
  margin-top: 1.2rem; padding: 1.2rem; border: 1px solid var(--line); border-radius: 12px; background: var(--card);
}
.facts { display: flex; flex-wrap: wrap; gap: .3rem 1.8rem; margin: 0 0 .4rem }
.facts div { display: flex; gap: .5rem }
dt, .quiet, .figure span, figcaption span { color: var(--soft) } dd { margin: 0 }
.figures {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: .8rem; margin-bottom: .8rem }
.figure { display: flex; flex-direction: column } .figure b { font-size: 1.6rem; line-height: 1.3 }
.remarks { margin: 1rem 0; padding: .7rem 1rem .7rem 2rem; border: 1px solid var(--line); border-radius: 10px }
.wide { overflow: auto; max-height: 70vh }
table { border-collapse: collapse; font-size: .87rem; font-variant-numeric: tabular-nums }
th, td {
  padding: .3rem .7rem; border-top: 1px solid var(--line); text-align: right; font-weight: 400; white-space: nowrap }
th:first-child { text-align: left } tr:first-child th { color: var(--soft) }
.matrix td { border: 2px solid var(--card); text-align: center }
.plots {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); gap: 1rem; margin-top: 1.2rem }
figure { margin: 0; min-width: 0; max-width: 560px }
figcaption {
  display: flex; flex-direction: column; font-size: .85rem; overflow-wrap: anywhere }
svg text { fill: var(--soft); font-size: 12px } .grid { stroke: var(--line); fill: none }
.line { fill: none; stroke-width: 2 } .mark, .ideal { stroke: var(--soft); stroke-dasharray: 3 3; fill: none }
.reliability { fill: #2167c9; opacity: .6 }
.keys { display: flex; flex-wrap: wrap; gap: .3rem 1rem; font-size: .85rem }
.key { display: inline-flex; align-items: center; gap: .4rem }
.images { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 1rem }
.images img { display: block; width: 100%; border-radius: 8px }
.matched { fill: #1d9e5e } .missed { fill: #d63031 } .extra { fill: #2167c9 } .mixed { fill: #b83ad1 }
""" + "\n".join(
    f".{kind}.s{step} {{ background: rgb(var(--{color}) / {step * 5}%) }}"
    for kind, color in (("right", "good"), ("wrong", "bad"))
    for step in range(1, 11)
)
