/** What `doctor` runs on, loaded inside `run()`. */

export { diagnose } from '../doctor/diagnose.js';
export { countOf, doctorText } from '../report/doctor-text.js';
export { gather } from './doctor/gather.js';
export { identityFrom } from './identity-from.js';
