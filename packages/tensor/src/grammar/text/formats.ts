/** The formats of strings, each as patterns that a text obeys all of. Spec: spec/tensor.md §7.3.1. */

const dayOfMonth = [
  '[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))',
  '(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29',
].join('|')
const hour = '(?:[01][0-9]|2[0-3])'
const fullTime = `${hour}:[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?(?:Z|[+-]${hour}:[0-5][0-9])`
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
const host = `${label}(?:\\.${label})*`
const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
const ipv4 = `${octet}(?:\\.${octet}){3}`
const group = '[0-9A-Fa-f]{1,4}'
const count = '[0-9]{1,9}'
const time = `${count}(?:H(?:${count}M(?:${count}S)?)?|M(?:${count}S)?|S)`
const date = `${count}(?:Y(?:${count}M(?:${count}D)?)?|M(?:${count}D)?|D)`

/** The last 32 bits of an address as a dotted number or as two groups. */
const tail = `(?:${group}:${group}|${ipv4})`
const ipv6 = [
  `(?:${group}:){6}${tail}`,
  `::(?:${group}:){5}${tail}`,
  `(?:${group})?::(?:${group}:){4}${tail}`,
  ...[1, 2, 3, 4].map((most) => `(?:(?:${group}:){0,${most}}${group})?::(?:${group}:){${4 - most}}${tail}`),
  `(?:(?:${group}:){0,5}${group})?::${group}`,
  `(?:(?:${group}:){0,6}${group})?::`,
].join('|')

export const formats: Readonly<Record<string, readonly string[]>> = {
  date: [`^(?:${dayOfMonth})$`],
  time: [`^${fullTime}$`],
  'date-time': [`^(?:${dayOfMonth})T${fullTime}$`],
  duration: [`^P(?:${date}(?:T${time})?|T${time}|${count}W)$`],
  email: [`^${atom}(?:\\.${atom})*@${label}(?:\\.${label})+$`, '^[^@]{1,64}@'],
  hostname: [`^${host}$`, '^[^]{1,253}$'],
  ipv4: [`^${ipv4}$`],
  ipv6: [`^(?:${ipv6})$`],
  uuid: ['^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$'],
}
