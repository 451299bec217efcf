/**
 * Calls back when a page is shown again or its network is back; elsewhere never. The function returned ends that.
 */
export const onWake = (wake: () => void): (() => void) => {
  if (typeof addEventListener !== 'function' || typeof document === 'undefined') return () => undefined;
  const shown = (): void => {
    if (document.visibilityState === 'visible') wake();
  };
  addEventListener('online', wake);
  document.addEventListener('visibilitychange', shown);
  return () => {
    removeEventListener('online', wake);
    document.removeEventListener('visibilitychange', shown);
  };
};
