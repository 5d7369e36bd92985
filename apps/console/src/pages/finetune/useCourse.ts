/** Follows a training's points and notes from its beginning; begins anew when the connection is lost before the end. */
import type { FineTuningProvider, TrainingPoint } from '@weightless/sdk'
import { useEffect, useState } from 'react'
import { useLoadClient } from '../../network/useLoadClient.ts'

export type Course = { points: readonly TrainingPoint[]; notes: readonly string[]; error: unknown }

const pointsMax = 4_000
const notesMax = 500
const retryMs = 3_000
/** Many points arrive at once when a course is read again: they are drawn together. */
const drawMs = 120

export function useCourse(trainer: FineTuningProvider, id: string): Course {
  const loadClient = useLoadClient()
  const [course, setCourse] = useState<Course>({ points: [], notes: [], error: undefined })
  useEffect(() => {
    const control = new AbortController()
    const follow = async () => {
      const points: TrainingPoint[] = []
      const notes: string[] = []
      const draw = () => setCourse({ points: [...points], notes: [...notes], error: undefined })
      let drawnAtMs = 0
      for await (const event of (await loadClient()).fineTuning.follow(trainer, id, control.signal)) {
        if (event.type === 'point') {
          // After a stop the training goes on from what was saved: those steps come again.
          while ((points.at(-1)?.step ?? 0) >= event.step) points.pop()
          if (points.length < pointsMax) points.push(event)
        }
        if (event.type === 'note' && notes.length < notesMax) notes.push(event.text)
        if (performance.now() - drawnAtMs < drawMs && event.type === 'point') continue
        drawnAtMs = performance.now()
        draw()
      }
      if (!control.signal.aborted) draw()
    }
    let timer: number | undefined
    const begin = () => {
      follow().catch((error: unknown) => {
        if (control.signal.aborted) return
        setCourse((now) => ({ ...now, error }))
        timer = window.setTimeout(begin, retryMs)
      })
    }
    begin()
    return () => {
      control.abort()
      window.clearTimeout(timer)
    }
  }, [loadClient, trainer, id])
  return course
}
