/** The command line: `weightless <noun> <verb>`. Data goes to stdout, everything else to stderr. */
import { createProgram } from './program.ts'
import { reportFailure } from './reportFailure.ts'

try {
  await createProgram().parseAsync(process.argv)
} catch (error) {
  process.exitCode = reportFailure(error, { json: process.argv.includes('--json') })
}
