/** Writes log events to standard error: text for people, JSON lines for machines, or nothing. */
import type { Facts, Log } from '../env.ts'

export type LogForm = 'text' | 'json' | 'silent'
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export function createNodeLog(form: LogForm, level: LogLevel = 'info', write = writeToStderr): Log {
  const least = levels.indexOf(level)
  const scoped = (scope: string): Log => {
    const at = (name: LogLevel) => {
      if (form === 'silent' || levels.indexOf(name) < least) return () => {}
      return (event: string, facts: Facts = {}) => write(`${renderers[form](name, scope, event, facts)}\n`)
    }
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (name) => scoped(scope === '' ? name : `${scope}.${name}`),
    }
  }
  return scoped('')
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

const renderers = {
  json: (level: LogLevel, scope: string, event: string, facts: Facts): string =>
    JSON.stringify({ time: new Date().toISOString(), level, scope, event, ...facts }, (_, value) =>
      typeof value === 'bigint' ? value.toString() : value,
    ),
  text: (level: LogLevel, scope: string, event: string, facts: Facts): string => {
    const time = new Date().toISOString().slice(11, 23)
    const known = Object.entries(facts).filter(([, value]) => value !== undefined)
    const list = known.map(([name, value]) => ` ${name}=${String(value).replaceAll('\n', '\\n')}`).join('')
    return `${time} ${level.padEnd(5)} ${scope}${scope && ' '}${event}${list}`
  },
}

function writeToStderr(line: string): void {
  process.stderr.write(line)
}
