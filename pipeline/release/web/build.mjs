// Bundles src/main.js into dist/browser.js, with the licences of what is in it on top.
import { build } from 'esbuild'
import { readFileSync } from 'node:fs'

const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
const notices = Object.entries(dependencies).map(([name, version]) => {
  const licence = ['LICENSE', 'LICENSE.txt', 'LICENSE.md']
    .map(file => { try { return readFileSync(`node_modules/${name}/${file}`, 'utf8') } catch { return '' } })
    .find(Boolean)
  if (!licence) throw new Error(`${name} has no licence to pass on`)
  return `${name} ${version}\n\n${licence.trim().replaceAll('*/', '* /')}`
})
await build({
  entryPoints: ['src/main.js'],
  outfile: 'dist/browser.js',
  bundle: true,
  minify: true,
  format: 'iife',
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none',
  banner: { js: `/*! Made by \`make page\`. It holds:\n\n${notices.join('\n\n')}\n*/` },
})
