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
});
