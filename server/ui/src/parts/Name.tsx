import { useQuery } from '@tanstack/react-query'
import { workflows } from '../api/heddle'
import { plainName, projectOf } from '../model/name'

/** Name shows a workflow's own name, and its project's as a tag. */
export function Name({ of }: { of: string }) {
  const project = projectOf(of)
  const projects = useQuery({ queryKey: ['workflows', 'projects'], queryFn: workflows.projects, staleTime: 30_000, enabled: project !== null })
  if (project === null) return <>{of}</>
  const name = projects.data?.rows.find((p) => p._id === project)?.name ?? 'project'
  return (
    <>
      {plainName(of)}
      <span className="project">{name}</span>
    </>
  )
}
