/**
 * Builds `weightless-verify.html`: page, style, fonts, worker and kernels in one file. Its policy allows what is inside it and
 * nothing else, so that it cannot reach a network.
 */
import { join } from 'node:path'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { build, type InlineConfig, type Plugin, type Rolldown } from 'vite'

const source = join(import.meta.dirname, '../src')

/** The console's build with the file beside it. */
export function standaloneFile(): Plugin {
  return {
    name: 'standalone-file',
    apply: 'build',
    async generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'weightless-verify.html', source: await buildStandalone() })
    },
  }
}

async function buildStandalone(): Promise<string> {
  const worker = await buildAlone(join(source, 'verify/checkWorker.ts'), [
    replaceFile('openClient.ts', join(source, 'standalone/openClient.ts')),
  ])
  const page = await buildAlone(join(source, 'standalone/main.tsx'), [
    replaceFile('startWorker.ts', join(source, 'standalone/startWorker.ts')),
    textModule('#check-worker', asClassicScript(worker.script)),
    react(),
    tailwindcss(),
  ])
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>Verify · Weightless</title>
<style>${page.style.replaceAll('</style', '<\\/style')}</style>
</head>
<body>
<div id="root"></div>
<noscript>This page needs JavaScript: it executes a model again.</noscript>
<script type="module">${page.script.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--')}</script>
</body>
</html>
`
}

const policy =
  "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' blob:; worker-src blob:; style-src 'unsafe-inline'; font-src data:; img-src data:; connect-src 'none'; form-action 'none'; base-uri 'none'"

/** One script without imports. */
async function buildAlone(entry: string, plugins: InlineConfig['plugins']): Promise<{ script: string; style: string }> {
  const result = await build({
    root: join(import.meta.dirname, '..'),
    configFile: false,
    publicDir: false,
    logLevel: 'error',
    plugins: plugins ?? [],
    define: { 'process.env.NODE_ENV': '"production"' },
    build: {
      write: false,
      target: 'es2023',
      modulePreload: false,
      assetsInlineLimit: Number.MAX_SAFE_INTEGER,
      cssCodeSplit: false,
      rolldownOptions: { input: entry, output: { format: 'es', codeSplitting: false } },
    },
  })
  const { output } = (Array.isArray(result) ? result[0] : result) as Rolldown.RolldownOutput
  const scripts = output.filter((each) => each.type === 'chunk')
  const styles = output.filter((each) => each.type === 'asset' && each.fileName.endsWith('.css'))
  if (scripts.length !== 1) throw new Error(`${entry} became ${scripts.length} scripts, not one`)
  return {
    script: scripts[0]!.code,
    style: styles.map((each) => ('source' in each ? String(each.source) : '')).join('\n'),
  }
}

/** A module without imports and exports, whose kernels are awaited at its top, as a script. */
function asClassicScript(module: string): string {
  // What is left of these are addresses of task modules, which only a Node process starts.
  const script = module.replaceAll('import.meta', '({url:"file:///"})')
  if (/^export\b/m.test(script)) throw new Error('The worker exports something, which no script may.')
  return `(async () => {'use strict';\n${script}\n})()`
}

/** A relative import of this name means that file. */
function replaceFile(name: string, by: string): Plugin {
  return {
    name: `replace ${name}`,
    enforce: 'pre',
    resolveId: (id, importer) => (id === `./${name}` && importer !== by ? by : undefined),
  }
}

function textModule(name: string, text: string): Plugin {
  return {
    name: `text ${name}`,
    enforce: 'pre',
    resolveId: (id) => (id === name ? `\0${name}` : undefined),
    load: (id) => (id === `\0${name}` ? `export default ${JSON.stringify(text)}` : undefined),
  }
}
