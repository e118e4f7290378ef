import type { Warning } from '../../model/warning.js';
import { approve, ask, refuseToAsk } from '../approve.js';

/** What must be typed where `y` would be too easily said. */
const WORD = 'cut';

/**
 * Asks whether to apply; where the plan may cut somebody off, for a word that nobody types by habit.
 * @throws {FlanError} E_NO_TTY when there is nobody to ask
 */
export async function approvePlan(risks: readonly Warning[], signal: AbortSignal): Promise<'yes' | 'no'> {
  if (risks.length === 0) return approve('Apply these changes?', signal);
  refuseToAsk();
  for (const { message, code } of risks) process.stderr.write(`Warning ${code}: ${message}\n`);
  const answer = await ask(`This may cut you off. Type '${WORD}' to apply all the same: `, signal);
  return answer === WORD ? 'yes' : 'no';
}
