// Bundles src/ into the modules that a notebook loads: node build.mjs [FOLDER]
import { build } from "esbuild";

await build({
  entryPoints: { widget: "src/main.ts", board: "src/board.ts" },
  outdir: process.argv[2] ?? "tinyflow_nb_widgets/static",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  // Members of ours that are neither the browser's nor on the wire: a short name is enough for them.
  mangleProps: /^(announce|complain|follower|leaveOut|overflows|reveal|scroller|settle|submitNow|wireBelow|writeAnew)$/,
});
