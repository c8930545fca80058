export function Bar({ label, part, whole, tone }: { label: string; part: number; whole: number; tone: string }) {
  // An empty file is whole from the start.
  const share = whole ? Math.min(part / whole, 1) : 1
  return (
    <div
      className={`bar ${tone}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(share * 100)}
    >
      <div style={{ transform: `scaleX(${share})` }} />
    </div>
  )
}
