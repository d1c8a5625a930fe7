// The history of a job in sentences.
import type { HistoryEvent } from '../api/types'
import type { IconName, Tone } from './status'

export interface Told {
  text: string
  icon: IconName
  tone: Tone
}

/** tell puts an event into words; title names a task as the canvas does. */
export function tell(e: HistoryEvent, title: (task: string) => string): Told {
  const task = e.task ? `“${title(e.task)}”` : 'a task'
  const by = e.by ? ` by ${e.by}` : ''
  const again = (e.iteration ?? 1) > 1 ? ` (iteration ${e.iteration})` : ''
  switch (e.type) {
    case 'JobStarted':
      return { text: 'The job started', icon: 'start', tone: 'active' }
    case 'JobPaused':
      return { text: `Paused${by}`, icon: 'pause', tone: 'warn' }
    case 'JobResumed':
      return { text: `Resumed${by}`, icon: 'play', tone: 'active' }
    case 'JobCanceled':
      return { text: `Canceled${by}`, icon: 'stop', tone: 'muted' }
    case 'JobReverted':
      return { text: `Reverted to “${title(e.to ?? '')}”${by}`, icon: 'retry', tone: 'warn' }
    case 'JobContinued':
      return { text: `Continued from ${task}${by}`, icon: 'play', tone: 'active' }
    case 'TaskStarted':
      return { text: `A worker took ${task}${again}`, icon: 'play', tone: 'active' }
    case 'TaskProgressed':
      return { text: `${task} reported progress${e.text ? `: ${e.text}` : ''}`, icon: 'play', tone: 'active' }
    case 'TaskFinished':
    case 'TaskCompleted':
      return finished(e, task + again, e.type === 'TaskCompleted' ? by : '')
    case 'TaskClaimed':
      return { text: `${task} was claimed`, icon: 'person', tone: 'active' }
    case 'TaskReleased':
      return { text: `${task} was released`, icon: 'person', tone: 'neutral' }
    case 'TaskAssigned':
      return { text: `${task} was assigned`, icon: 'person', tone: 'active' }
    case 'TaskRetried':
      return { text: `${task} was retried${by}`, icon: 'retry', tone: 'active' }
    case 'TaskSkipped':
      return { text: `${task} was skipped${by}`, icon: 'skip', tone: 'warn' }
    case 'ChildStarted':
      return { text: `${task} started a child job`, icon: 'start', tone: 'active' }
    case 'ChildFinished':
      return { text: `A child job of ${task} ended`, icon: 'flag', tone: 'neutral' }
    case 'TimersDue':
      return { text: 'A timer rang', icon: 'retry', tone: 'neutral' }
  }
  return { text: `${words(e.type)}${e.task ? `: ${task}` : ''}${by}`, icon: 'dash', tone: 'neutral' }
}

function finished(e: HistoryEvent, task: string, by: string): Told {
  switch (e.outcome?.finishState) {
    case 'failure':
      return { text: `${task} ended with failure${by}`, icon: 'branch', tone: 'warn' }
    case 'error':
      return { text: `${task} met an error${by}`, icon: 'cross', tone: 'bad' }
  }
  return { text: `${task} succeeded${by}`, icon: 'check', tone: 'good' }
}

/** words turns VariablesPatched into "Variables patched". */
export function words(name: string): string {
  const text = name.replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`)
  return text.charAt(0).toUpperCase() + text.slice(1)
}
