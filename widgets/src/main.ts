/** The live view of one run. It draws what Python says and decides nothing. */

import { initialize, render } from "./home.ts";

export default { initialize, render };
