/** A message of a conversation. */
export type ChatMessage = { role: string; content: string }
