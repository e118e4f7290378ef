/** Follows the reader's own choice of light or dark. Contrast of all text is at least 4.5 to 1 in both. */
export const STYLE = `
:root{
--ground:#f4f5f7;--panel:#fff;--line:#e1e4e9;--text:#1b2027;--dim:#5b6472;--grid:#edeff2;
--good:#0b7a4b;--good-ground:#def3e8;--bad:#b3261e;--bad-ground:#fbe4e2;--drift:#9a5b00;--change:#1d5fbf;
--shadow:0 1px 2px rgb(20 28 40/.06),0 4px 16px rgb(20 28 40/.04)}
@media(prefers-color-scheme:dark){:root{
--ground:#0f1216;--panel:#171b21;--line:#282e37;--text:#e7eaee;--dim:#98a2b1;--grid:#20252d;
--good:#4fd39a;--good-ground:#11301f;--bad:#ff8a80;--bad-ground:#3a1715;--drift:#f2b457;--change:#7db1ff;
--shadow:none}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1120px;padding:32px 24px 40px;background:var(--ground);color:var(--text);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
h1,h2,p,ol{margin:0}
header{display:flex;gap:16px;justify-content:space-between;align-items:flex-start;margin-bottom:24px}
h1{font-size:28px;line-height:1.2;letter-spacing:-.02em;overflow-wrap:anywhere}
h2{font-size:15px;font-weight:650;margin-bottom:12px}
h2 small{color:var(--dim);font-weight:450;margin-left:4px}
.sub{color:var(--dim);margin-top:4px}
.pill{flex:none;border-radius:99px;padding:6px 16px;font-weight:650}
.pill.good{background:var(--good-ground)}.pill.bad{background:var(--bad-ground)}
.good{color:var(--good)}.bad{color:var(--bad)}.dim{color:var(--dim)}
.banner{background:var(--bad-ground);color:var(--bad);border-radius:10px;padding:10px 16px;margin-bottom:12px}
.cards{display:grid;gap:16px;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));margin-bottom:16px}
.card,.panel{background:var(--panel);border:1px solid var(--line);border-radius:12px;box-shadow:var(--shadow);padding:16px 20px}
.panel{margin-bottom:16px;min-width:0}
.label{color:var(--dim);font-size:13px}
.value{font-size:24px;line-height:1.3;font-weight:650;letter-spacing:-.01em;font-variant-numeric:tabular-nums;margin:2px 0}
.note{color:var(--dim);font-size:13px}
.columns{display:grid;align-items:start;gap:16px;grid-template-columns:minmax(0,2fr) minmax(0,3fr)}
@media(max-width:760px){.columns{grid-template-columns:minmax(0,1fr)}body{padding:20px 14px}}
.scroll{overflow-x:auto;margin:0 -20px;padding:0 20px}
.latest{direction:rtl}.latest svg{direction:ltr}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:8px 16px 8px 0;border-bottom:1px solid var(--line);vertical-align:baseline;white-space:nowrap}
tbody tr:last-child>*{border-bottom:0}
thead th{color:var(--dim);font-size:13px;font-weight:500;padding-top:0}
tbody th{font-weight:600}
.number{text-align:right}
th:last-child,td:last-child{padding-right:0}
.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:13px}
.empty{color:var(--dim)}
.log{list-style:none;padding:0;max-height:360px;overflow:auto;font-size:13px}
.log li{display:flex;gap:12px;padding:4px 0 4px 10px;border-left:3px solid var(--line);margin-bottom:2px}
.log time{color:var(--dim);font-variant-numeric:tabular-nums;flex:none}
.log span{overflow-wrap:anywhere;min-width:0}
.log .drift{border-color:var(--drift)}.log .repair{border-color:var(--good)}
.log .change{border-color:var(--change)}.log .trouble{border-color:var(--bad)}
svg{display:block;width:100%;min-width:640px;height:auto;font-size:12px}
svg text{fill:var(--dim)}
svg .faint{font-size:12px}
.grid{stroke:var(--grid);fill:none}.lane{stroke:var(--line);fill:none}
svg text.drift{fill:var(--drift)}svg text.change{fill:var(--change)}svg text.trouble{fill:var(--bad)}
circle.repair{fill:var(--good);fill-opacity:.75;stroke:var(--panel);stroke-width:1}
.tick{stroke-width:2.5;stroke-linecap:round;fill:none}
.tick.drift{stroke:var(--drift)}.tick.change{stroke:var(--change)}.tick.trouble{stroke:var(--bad)}
footer{color:var(--dim);font-size:13px;margin-top:8px}
a{color:inherit}
`;
