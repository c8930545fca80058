/** Cut in the middle, so that the end, which tells files apart, stays. */
export function Name({ path }: { path: string }) {
  const split = Math.max(0, path.length - 12)
  return (
    <p className="name" title={path}>
      <span className="head" aria-hidden="true">
        {path.slice(0, split)}
      </span>
      <span className="tail" aria-hidden="true">
        {path.slice(split)}
      </span>
      <span className="hidden">{path}</span>
    </p>
  )
}
