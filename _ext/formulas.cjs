// Sets formulas where no browser is: TeX in, HTML with MathML for screen readers out. Run by formulas.py.
//   stdin   {mathjax: folder, macros: {…}, formulas: [[tex, display], …]}
//   stdout  {set: [html, …], css: every rule that any formula may need}

const process = require("node:process");
const { mathjax, macros, formulas } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));

async function main() {
  const MathJax = await require(`${mathjax}/node-main.js`).init({
    loader: {
      load: ["input/tex", "output/chtml", "a11y/assistive-mml", "adaptors/liteDOM"],
      paths: { mathjax },
      versionWarnings: false, // the adaptor states no version
    },
    tex: {
      macros,
      packages: { "[-]": ["noundefined", "noerrors"] }, // a misspelt formula fails the build, and is not shown in red
      formatError: (/** @type {unknown} */ _, /** @type {Error} */ error) => { throw error; },
    },
    chtml: { fontURL: "fonts", adaptiveCSS: false, matchFontHeight: false },
  });
  const { adaptor } = MathJax.startup;
  const set = [];
  for (const [tex, display] of formulas) {
    try {
      set.push(adaptor.outerHTML(await MathJax.tex2chtmlPromise(tex, { display })));
    } catch (error) { // MathJax throws what is no Error
      throw new Error(`${/** @type {{ message: string }} */ (error).message}: ${tex}`);
    }
  }
  return { set, css: adaptor.textContent(MathJax.chtmlStylesheet()) };
}

main().then(
  (result) => process.stdout.write(JSON.stringify(result)),
  (error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
