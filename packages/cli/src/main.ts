/** The command line: `weightless <noun> <verb>`. Data goes to stdout, everything else to stderr. */
import { createProgram } from './program.ts'
import { reportFailure } from './reportFailure.ts'

const json = process.argv.includes('--json')
// `weightless … | head` closes stdout early; that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})
process.on('uncaughtException', (error) => process.exit(reportFailure(error, { json })))

try {
  await createProgram().parseAsync(process.argv)
} catch (error) {
  process.exitCode = reportFailure(error, { json })
}
