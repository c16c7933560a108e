// Bundles src/ into the one module that a notebook loads: node build.mjs [TARGET]
import { build } from "esbuild";

await build({
  entryPoints: ["src/main.ts"],
  outfile: process.argv[2] ?? "tinyflow_nb_widgets/static/widget.js",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
});
